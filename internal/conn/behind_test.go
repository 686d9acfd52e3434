package conn

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sluice/internal/proto"
)

// Chunks of one upload: the next is received, and its begin runs, while the first is being finished; it does not finish
// before it, and replies come in order.
func TestBehind(t *testing.T) {
	r := newRig(t, options{})
	r.script.shut("finish")
	c := r.logIn(false)
	bodies := [][]byte{pattern(200_000, 1), pattern(300_000, 2), pattern(100_000, 3)}
	var all []byte
	for i, b := range bodies {
		all = append(all, frame(proto.TypeUploadChunk, uint32(i), chunkHeader(5), b)...)
	}
	go c.bytes(append(all, frame(proto.TypePing, 9, nil, nil)...))
	r.waitState(waitTurn) // the second is in, and waits for its turn to finish
	if n := r.script.inFinish.Load(); n != 1 {
		t.Fatalf("%d finish at once", n)
	}
	r.answers()
	r.script.open("finish")
	for i := range uint32(3) {
		c.want(proto.TypeUploadChunk, i, proto.OK)
	}
	c.want(proto.TypePing, 9, proto.OK)
	for i, b := range bodies {
		if !bytes.Equal(r.script.bodies[i], b) {
			t.Fatalf("chunk %d came out otherwise", i)
		}
	}
}

// What is no chunk of the same upload waits in begin, and its reply follows.
func TestBehindOthersWait(t *testing.T) {
	others := map[string][]byte{
		"ping":             frame(proto.TypePing, 2, nil, nil),
		"quota":            frame(proto.TypeQuota, 2, nil, nil),
		"another upload":   frame(proto.TypeUploadChunk, 2, chunkHeader(6), pattern(70_000, 1)),
		"put-objects":      frame(proto.TypePutObjects, 2, objectsHeader(3), []byte("abc")),
		"unknown type":     frame(999, 2, nil, nil),
		"refused header":   frame(proto.TypeUploadChunk, 2, []byte(`{"x":1}`), nil),
		"refused and body": frame(proto.TypeUploadChunk, 2, []byte(`{"x":1}`), pattern(70_000, 1)),
	}
	for name, request := range others {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{})
			r.script.shut("finish")
			c := r.logIn(false)
			c.ask(proto.TypeUploadChunk, 1, chunkHeader(5), pattern(70_000, 1))
			c.bytes(request)
			r.waitState(waitTurn)
			if n := r.script.owed.Load(); n != 1 {
				t.Fatalf("%d have begun", n)
			}
			r.script.open("finish")
			c.want(proto.TypeUploadChunk, 1, proto.OK)
			p, _, _ := c.reply()
			if p.Number != 2 {
				t.Fatalf("reply %d", p.Number)
			}
			r.answers()
		})
	}
}

// The reply of what is behind goes out while the next body is still on its way.
func TestBehindReplyIsNotHeldBack(t *testing.T) {
	r := newRig(t, options{})
	c := r.logIn(false)
	c.ask(proto.TypeUploadChunk, 1, chunkHeader(5), pattern(70_000, 1))
	second := frame(proto.TypeUploadChunk, 2, chunkHeader(5), pattern(500_000, 1))
	c.bytes(second[:100_000])
	c.want(proto.TypeUploadChunk, 1, proto.OK)
	c.bytes(second[100_000:])
	c.want(proto.TypeUploadChunk, 2, proto.OK)
}

// The peer goes while a request is behind, in every state the front can be in.
func TestBehindPeerGone(t *testing.T) {
	next := frame(proto.TypeUploadChunk, 2, chunkHeader(5), pattern(300_000, 1))
	for name, rest := range map[string][]byte{
		"nothing": nil, "prelude": next[:10], "header": next[:30], "body": next[:100_000], "whole": next,
		"ping": frame(proto.TypePing, 2, nil, nil),
	} {
		for _, reset := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, options{})
				r.script.shut("finish")
				c := r.logIn(false)
				go c.bytes(slices.Concat(frame(proto.TypeUploadChunk, 1, chunkHeader(5), pattern(70_000, 1)), rest))
				r.waitFor("finish", func() bool { return r.script.inFinish.Load() == 1 })
				time.Sleep(5 * time.Millisecond)
				if reset {
					c.reset()
				} else {
					c.Close()
				}
				r.answers()
				r.script.open("finish")
				r.waitFor("the end", func() bool { return r.gone.Load() >= 1 })
				r.answers()
			})
		}
	}
}

// The second chunk fails, in begin or while it is written: its error comes after the first one's reply.
func TestBehindSecondFails(t *testing.T) {
	for name, edit := range map[string]func(*script){
		"refused":        func(s *script) { s.fail = proto.Errorf(proto.Busy, "claimed") },
		"refused, close": func(s *script) { s.fail, s.goodbye = proto.Errorf(proto.Revoked, "ended"), true },
		"not written":    func(s *script) { s.badFile = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{})
			r.script.shut("finish")
			c := r.logIn(false)
			c.ask(proto.TypeUploadChunk, 1, chunkHeader(5), pattern(70_000, 1))
			r.waitFor("finish", func() bool { return r.script.inFinish.Load() == 1 })
			edit(r.script)
			r.script.shut("begin")
			c.ask(proto.TypeUploadChunk, 2, chunkHeader(5), pattern(70_000, 1))
			r.waitState(begin)
			c.delivered() // the whole body is in the server's socket
			r.script.open("begin")
			r.waitState(waitTurn)
			r.script.open("finish")
			c.want(proto.TypeUploadChunk, 1, proto.OK)
			if p, _, _ := c.reply(); p.Number != 2 || p.Flags&proto.FlagError == 0 {
				t.Fatalf("reply %d, flags %x", p.Number, p.Flags)
			}
			r.answers()
		})
	}
}

// A reply behind that says goodbye ends what is being received after it.
func TestBehindGoodbye(t *testing.T) {
	r := newRig(t, options{})
	r.script.panics = "finish"
	c := r.logIn(false)
	c.ask(proto.TypeUploadChunk, 1, chunkHeader(5), pattern(70_000, 1))
	c.want(proto.TypeUploadChunk, 1, proto.Internal)
	c.ends()
	c.Close()
	r.waitFor("the end", func() bool { return r.gone.Load() == 1 })
	r.answers()
}

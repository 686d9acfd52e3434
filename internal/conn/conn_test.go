package conn

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

func TestPing(t *testing.T) {
	r := newRig(t, options{})
	c := r.dial(false)
	for i := range uint32(3) {
		c.ask(proto.TypePing, i, nil, nil)
		c.want(proto.TypePing, i, proto.OK)
	}
	c.bytes(slices.Concat(frame(proto.TypePing, 10, nil, nil), frame(proto.TypePing, 11, []byte(`{}`), nil), frame(proto.TypePing, 12, nil, nil)))
	for i := range uint32(3) {
		c.want(proto.TypePing, 10+i, proto.OK)
	}
}

// bodies of all ways: memory, pipe, buffer, jobs.
func TestUpload(t *testing.T) {
	ways := map[string]options{
		"pipe":       {},
		"small pipe": {budget: 64 << 10},
		"copy":       {noPipes: true},
		"slow":       {limits: Limits{SlowFlush: 1}},
		"slow copy":  {limits: Limits{SlowFlush: 1}, noPipes: true},
	}
	for name, o := range ways {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, o)
			c := r.logIn(false)
			for i, size := range []int{0, 1, 1000, handler.MemoryBody, handler.MemoryBody + 1, 300_000, proto.MaxObjectsBody} {
				body := pattern(size, uint64(i))
				go c.ask(proto.TypePutObjects, uint32(i), objectsHeader(size), body)
				c.want(proto.TypePutObjects, uint32(i), proto.OK)
				if got := r.script.bodies[len(r.script.bodies)-1]; !bytes.Equal(got, body) {
					t.Fatalf("%d bytes came out otherwise", size)
				}
			}
			r.answers()
		})
	}
}

func TestDownload(t *testing.T) {
	big := pattern(5<<20, 1)
	cases := map[string]func(s *script) []handler.Part{
		"nothing": func(*script) []handler.Part { return nil },
		"bytes":   func(*script) []handler.Part { return []handler.Part{{Bytes: big[:100]}, {Bytes: big[100:5000]}} },
		"source":  func(s *script) []handler.Part { return []handler.Part{s.file(big)} },
		"cold":    func(s *script) []handler.Part { return []handler.Part{s.cold(s.file(big))} },
		"mixed": func(s *script) []handler.Part {
			return []handler.Part{{Bytes: big[:10]}, s.file(big[10:70_000]), {Bytes: nil}, {Bytes: big[70_000:2_000_000]}, s.file(big[2_000_000:])}
		},
	}
	for _, o := range []struct {
		name string
		options
	}{{"pipe", options{}}, {"small pipe", options{budget: 64 << 10}}, {"sendfile", options{noPipes: true}}} {
		for name, parts := range cases {
			t.Run(o.name+" "+name, func(t *testing.T) {
				r := newRig(t, o.options)
				r.script.parts = func() []handler.Part { return parts(r.script) }
				c := r.logIn(false)
				for i := range uint32(2) {
					c.ask(proto.TypeGet, i, getHeader, nil)
					_, body := c.want(proto.TypeGet, i, proto.OK)
					if !bytes.Equal(body, big[:len(body)]) || name != "nothing" && len(body) == 0 {
						t.Fatalf("%d bytes came otherwise", len(body))
					}
				}
				r.answers()
			})
		}
	}
}

// The reply's header is larger than all buffers on the way.
func TestLargeReplyHeader(t *testing.T) {
	r := newRig(t, options{})
	r.script.header = proto.MaxReplyHeader
	c := r.logIn(true)
	c.ask(proto.TypeGet, 1, getHeader, nil)
	r.waitState(sendReply)
	p, header, _ := c.reply()
	if int(p.HeaderLen) != proto.MaxReplyHeader || len(header) != proto.MaxReplyHeader {
		t.Fatalf("header of %d bytes", p.HeaderLen)
	}
	r.script.header++
	c.ask(proto.TypeGet, 2, getHeader, nil)
	c.want(proto.TypeGet, 2, proto.Internal)
	r.answers()
}

// A source that is shorter than promised ends the connection: the header is out already.
func TestShortSource(t *testing.T) {
	for name, o := range map[string]options{"pipe": {}, "sendfile": {noPipes: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, o)
			r.script.parts = func() []handler.Part {
				p := r.script.file(pattern(200_000, 1))
				p.Length++
				return []handler.Part{{Bytes: []byte("x")}, p, r.script.file([]byte("never sent"))}
			}
			c := r.logIn(false)
			c.ask(proto.TypeGet, 1, getHeader, nil)
			if _, _, _, err := c.tryReply(); err == nil {
				t.Fatal("a whole reply from half a file")
			}
			r.answers()
		})
	}
}

func TestHeaderAboveLoopLimit(t *testing.T) {
	r := newRig(t, options{})
	c := r.logIn(false)
	hashes := make([]proto.Hash, 1000)
	header := (&proto.Have{Hashes: hashes}).Append(nil)
	if len(header) <= proto.MaxHeader {
		t.Fatalf("header of %d bytes only", len(header))
	}
	c.ask(proto.TypeHave, 1, header, nil)
	c.want(proto.TypeHave, 1, proto.OK)
	header[len(header)-1] = 'x'
	c.ask(proto.TypeHave, 2, header, nil)
	c.want(proto.TypeHave, 2, proto.BadHeader)
	c.ask(proto.TypePing, 3, nil, nil)
	c.want(proto.TypePing, 3, proto.OK)
}

func TestKnownIsToldOnce(t *testing.T) {
	r := newRig(t, options{})
	c := r.logIn(false)
	c.ask(proto.TypeHello, 2, helloHeader, nil)
	c.want(proto.TypeHello, 2, proto.OK)
	if n := r.known.Load(); n != 1 {
		t.Fatalf("known was told %d times", n)
	}
}

func TestPanics(t *testing.T) {
	for _, where := range []string{"begin", "finish"} {
		t.Run(where, func(t *testing.T) {
			r := newRig(t, options{})
			r.script.panics = where
			c := r.logIn(false)
			go c.ask(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
			c.want(proto.TypePutObjects, 1, proto.Internal)
			c.ends()
			if r.slot.Panics.Load() != 1 {
				t.Fatalf("%d panics counted", r.slot.Panics.Load())
			}
			r.answers()
		})
	}
	t.Run("quick", func(t *testing.T) {
		r := newRig(t, options{})
		r.script.rows[proto.TypeQuota].Quick = func(*handler.Service, *handler.Call) (handler.Outcome, bool) { panic("scripted") }
		c := r.logIn(false)
		c.ask(proto.TypeQuota, 1, nil, nil)
		c.ends()
		r.answers()
	})
}

func TestIdle(t *testing.T) {
	r := newRig(t, options{limits: Limits{Idle: 80 * time.Millisecond, IdleBefore: 20 * time.Millisecond}})
	c, unknown := r.logIn(false), r.dial(false)
	unknown.ends()
	c.ask(proto.TypePing, 1, nil, nil)
	c.want(proto.TypePing, 1, proto.OK)
	c.ends()
	r.answers()
}

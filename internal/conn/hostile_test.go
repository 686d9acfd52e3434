package conn

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

func TestForeign(t *testing.T) {
	for kind, first := range map[string]string{"tls": "\x16\x03\x01", "http": "GET / HTTP/1.1\r\n\r\n", "proxy": "\r\n\r\n\x00", "junk": "\x00\xff"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, options{})
			c := r.dial(false)
			c.bytes([]byte(first))
			c.ends()
			if n := r.slot.Violations.Load(); n != 1 {
				t.Errorf("%d violations", n)
			}
			if !strings.Contains(r.log.String(), "kind="+kind) || !strings.Contains(r.log.String(), c.LocalAddr().String()) {
				t.Errorf("the log does not name %s and its address: %s", kind, r.log)
			}
			r.answers()
		})
	}
}

// Violations are answered once, and the connection ends. No JSON is looked at.
func TestViolations(t *testing.T) {
	good := proto.Prelude{Version: proto.Version, Type: proto.TypePing, Number: 3}
	cases := []struct {
		name  string
		known bool
		edit  func(*proto.Prelude)
		code  proto.Code
	}{
		{"version", false, func(p *proto.Prelude) { p.Version = 9 }, proto.BadPrelude},
		{"flags", false, func(p *proto.Prelude) { p.Flags = 0x80 }, proto.BadPrelude},
		{"reply flag", false, func(p *proto.Prelude) { p.Flags = proto.FlagReply }, proto.BadPrelude},
		{"unknown type", false, func(p *proto.Prelude) { p.Type = 4711 }, proto.UnknownType},
		{"unknown type, long", false, func(p *proto.Prelude) { p.Type = 4711; p.HeaderLen = 1 << 31; p.BodyLen = 1 << 63 }, proto.UnknownType},
		{"before log-in", false, func(p *proto.Prelude) { p.Type = proto.TypeQuota }, proto.NotLoggedIn},
		{"header, limit+1", false, func(p *proto.Prelude) { p.HeaderLen = proto.MaxHeaderBefore + 1 }, proto.TooLarge},
		{"header, -1", false, func(p *proto.Prelude) { p.HeaderLen = 1<<32 - 1 }, proto.TooLarge},
		{"body where none may be", false, func(p *proto.Prelude) { p.BodyLen = 1 }, proto.TooLarge},
		{"body, -1", false, func(p *proto.Prelude) { p.BodyLen = 1<<64 - 1 }, proto.TooLarge},
		{"body, limit+1", true, func(p *proto.Prelude) { p.Type = proto.TypePutObjects; p.BodyLen = proto.MaxObjectsBody + 1 }, proto.TooLarge},
		{"batch header, limit+1", true, func(p *proto.Prelude) { p.Type = proto.TypeHave; p.HeaderLen = proto.MaxHeaderBatch + 1 }, proto.TooLarge},
		{"not served", true, func(p *proto.Prelude) { p.Type = proto.TypeList }, proto.Unsupported},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			r := newRig(t, options{})
			c := r.dial(false)
			if k.known {
				c.Close()
				c = r.logIn(false)
			}
			p := good
			k.edit(&p)
			c.bytes(append(p.Append(nil), "not looked at"...))
			c.want(p.Type, p.Number, k.code)
			c.ends()
			if n := r.slot.Violations.Load(); n != 1 {
				t.Errorf("%d violations", n)
			}
			r.answers()
		})
	}
	t.Run("magic", func(t *testing.T) {
		r := newRig(t, options{})
		c := r.dial(false)
		c.bytes(append([]byte("\xF5SLX"), make([]byte, 200)...))
		c.want(0, 0, proto.BadPrelude)
		c.ends()
		r.answers()
	})
}

// A refused header ends the connection only before log-in; its body is read to nothing.
func TestRefusedHeader(t *testing.T) {
	r := newRig(t, options{})
	c := r.logIn(false)
	for i, header := range []string{`{`, `{"x":1}`, "{\"objects\":\"\xff\"}", `{"objects":[{"hash":"00","size":-1}]}`, strings.Repeat("[", 60_000)} {
		c.ask(proto.TypePutObjects, uint32(i), []byte(header), pattern(50_000, 1))
		c.want(proto.TypePutObjects, uint32(i), proto.BadHeader)
	}
	// Lengths that do not sum to the body's.
	c.ask(proto.TypePutObjects, 9, objectsHeader(10), pattern(11, 1))
	c.want(proto.TypePutObjects, 9, proto.BadHeader)
	c.ask(proto.TypePing, 10, nil, nil)
	c.want(proto.TypePing, 10, proto.OK)
	before := r.dial(false)
	before.ask(proto.TypeHello, 1, []byte(`{`), nil)
	before.want(proto.TypeHello, 1, proto.BadHeader)
	before.ends()
	r.answers()
}

// File bytes are never read as requests.
func TestRefusedBody(t *testing.T) {
	r := newRig(t, options{})
	r.script.fail = proto.Errorf(proto.OverQuota, "no room")
	c := r.logIn(false)
	ping := frame(proto.TypePing, 66, nil, nil)
	body := bytes.Repeat(ping, proto.MaxObjectsBody/len(ping))
	go c.ask(proto.TypePutObjects, 1, objectsHeader(len(body)), body)
	c.want(proto.TypePutObjects, 1, proto.OverQuota)
	c.ask(proto.TypePing, 2, nil, nil)
	c.want(proto.TypePing, 2, proto.OK)
}

func TestDiscard(t *testing.T) {
	r := newRig(t, options{})
	r.script.discard = true
	c := r.logIn(false)
	for _, ty := range []proto.Type{proto.TypePutObjects, proto.TypeUploadChunk} {
		header := objectsHeader(3_000_000)
		if ty == proto.TypeUploadChunk {
			header = chunkHeader(1)
		}
		go c.ask(ty, 1, header, pattern(3_000_000, 1))
		c.want(ty, 1, proto.OK)
	}
	if n := len(r.script.bodies); n != 2 || len(r.script.bodies[0]) != 0 {
		t.Fatalf("%d bodies", n)
	}
	r.answers()
}

// The file cannot be written: what begin took is given back, the rest is read, the connection lives.
func TestUploadFileFails(t *testing.T) {
	for name, o := range map[string]options{
		"loop": {}, "copy": {noPipes: true}, "job": {limits: Limits{SlowFlush: 1}}, "job copy": {limits: Limits{SlowFlush: 1}, noPipes: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, o)
			c := r.logIn(false)
			r.script.badFile = o.limits.SlowFlush == 0
			if !r.script.badFile { // the first flush, which is on the loop and makes the body slow, must work
				r.script.badPiece = 2
			}
			go c.ask(proto.TypePutObjects, 1, objectsHeader(4_000_000), pattern(4_000_000, 1))
			c.want(proto.TypePutObjects, 1, proto.Internal)
			if r.script.aborted.Load() != 1 {
				t.Fatal("not aborted")
			}
			r.script.badFile, r.script.badPiece = false, 0
			c.ask(proto.TypePutObjects, 2, objectsHeader(70_000), pattern(70_000, 1))
			c.want(proto.TypePutObjects, 2, proto.OK)
		})
	}
}

// One byte at a time, and split in two at every byte.
func TestSplit(t *testing.T) {
	r := newRig(t, options{})
	requests := append(frame(proto.TypeHello, 1, helloHeader, nil),
		append(frame(proto.TypePutObjects, 2, objectsHeader(90), pattern(90, 1)), frame(proto.TypePing, 3, nil, nil)...)...)
	check := func(c *client) {
		c.want(proto.TypeHello, 1, proto.OK)
		c.want(proto.TypePutObjects, 2, proto.OK)
		c.want(proto.TypePing, 3, proto.OK)
		if got := r.script.bodies[len(r.script.bodies)-1]; !bytes.Equal(got, pattern(90, 1)) {
			t.Fatal("the body came out otherwise")
		}
		c.Close()
	}
	for at := 1; at < len(requests); at++ {
		c := r.dial(false)
		c.bytes(requests[:at])
		r.on(func() {}) // the loop has seen it
		c.bytes(requests[at:])
		check(c)
	}
	c := r.dial(false)
	for i := range requests {
		c.bytes(requests[i : i+1])
		r.on(func() {})
	}
	check(c)
	r.answers()
}

// One byte at a time through a pipe: it is full by slots long before it is by bytes.
func TestTrickleThroughPipe(t *testing.T) {
	r := newRig(t, options{budget: 64 << 10})
	c := r.logIn(false)
	body := pattern(handler.MemoryBody+500, 1)
	request := frame(proto.TypePutObjects, 1, objectsHeader(len(body)), body)
	for i := range 600 {
		c.bytes(request[i : i+1])
	}
	c.bytes(request[600:])
	c.want(proto.TypePutObjects, 1, proto.OK)
	if !bytes.Equal(r.script.bodies[0], body) {
		t.Fatal("the body came out otherwise")
	}
}

func TestHeaderDeadline(t *testing.T) {
	o := options{limits: Limits{Header: 60 * time.Millisecond}}
	request := frame(proto.TypeHello, 5, helloHeader, nil)
	for _, at := range []int{1, 23, 24, 30} {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			r := newRig(t, o)
			c := r.dial(false)
			// Bytes that come now and then do not move the deadline.
			go func() {
				for i := range at {
					if i > 0 {
						time.Sleep(90 * time.Millisecond / time.Duration(at))
					}
					if _, err := c.Write(request[i : i+1]); err != nil {
						return
					}
				}
			}()
			p, _, _ := c.reply()
			if p.Flags&proto.FlagError == 0 {
				t.Fatal("no error")
			}
			c.ends()
			r.answers()
		})
	}
}

func TestLeastRate(t *testing.T) {
	o := options{limits: Limits{LeastRate: 10_000, RateWindow: 60 * time.Millisecond}}
	t.Run("upload", func(t *testing.T) {
		r := newRig(t, o)
		c := r.logIn(false)
		request := frame(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
		c.bytes(request[:1000])
		c.want(proto.TypePutObjects, 1, proto.TooSlow)
		c.ends()
		if r.script.aborted.Load() != 1 {
			t.Fatal("not aborted")
		}
		r.answers()
	})
	t.Run("refused body", func(t *testing.T) {
		r := newRig(t, o)
		r.script.fail = proto.Errorf(proto.OverQuota, "no room")
		c := r.logIn(false)
		request := frame(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
		c.bytes(request[:1000])
		c.want(proto.TypePutObjects, 1, proto.TooSlow)
		r.answers()
	})
	t.Run("upload flushed by jobs", func(t *testing.T) {
		slow := o
		slow.limits.SlowFlush = 1
		r := newRig(t, slow)
		c := r.logIn(false)
		request := frame(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
		c.bytes(request[:1000])
		go func() {
			for i := 1000; ; i++ {
				time.Sleep(5 * time.Millisecond)
				if _, err := c.Write(request[i : i+1]); err != nil {
					return
				}
			}
		}()
		c.want(proto.TypePutObjects, 1, proto.TooSlow)
		r.answers()
	})
	t.Run("unwanted body", func(t *testing.T) {
		r := newRig(t, o)
		r.script.discard = true
		c := r.logIn(false)
		request := frame(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
		c.bytes(request[:1000])
		c.want(proto.TypePutObjects, 1, proto.TooSlow)
		if r.script.aborted.Load() != 1 {
			t.Fatal("not aborted")
		}
		r.answers()
	})
	t.Run("download", func(t *testing.T) {
		r := newRig(t, o)
		r.script.parts = func() []handler.Part { return []handler.Part{r.script.file(pattern(1<<20, 1))} }
		c := r.logIn(true)
		c.ask(proto.TypeGet, 1, getHeader, nil)
		r.waitFor("its end", func() bool { return r.gone.Load() == 1 })
		r.answers()
	})
	t.Run("fast enough", func(t *testing.T) {
		// A machine with other things to do lets the sender pause: the least is low, and there are several windows.
		patient := o
		patient.limits.RateWindow, patient.limits.LeastRate = 100*time.Millisecond, 10
		r := newRig(t, patient)
		c := r.logIn(false)
		request := frame(proto.TypePutObjects, 1, objectsHeader(4_000), pattern(4_000, 1))
		for len(request) > 0 {
			n := min(100, len(request))
			c.bytes(request[:n])
			request = request[n:]
			time.Sleep(10 * time.Millisecond)
		}
		c.want(proto.TypePutObjects, 1, proto.OK)
	})
}

package conn

import (
	"slices"
	"testing"
	"time"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

// enter brings a new connection into a state and holds it there.
var enter = map[state]func(r *rig) *client{
	decide: func(r *rig) *client { return r.dial(false) },
	readPrelude: func(r *rig) *client {
		c := r.logIn(false)
		c.bytes(frame(proto.TypePing, 1, nil, nil)[:10])
		return c
	},
	readHeader: func(r *rig) *client {
		c := r.logIn(false)
		c.bytes(frame(proto.TypePutObjects, 1, objectsHeader(100_000), nil)[:40])
		return c
	},
	begin: func(r *rig) *client {
		c := r.logIn(false)
		r.script.shut("begin")
		go c.ask(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
		return c
	},
	recvBody: func(r *rig) *client {
		c := r.logIn(false)
		c.bytes(frame(proto.TypePutObjects, 1, objectsHeader(200_000), pattern(200_000, 1))[:100_000])
		return c
	},
	flush: func(r *rig) *client {
		c := r.logIn(false)
		request := frame(proto.TypePutObjects, 1, objectsHeader(200_000), pattern(200_000, 1))
		c.bytes(request[:50_000])
		r.waitState(recvBody)
		r.script.shut("jobs")
		c.bytes(request[50_000:100_000])
		return c
	},
	discard: func(r *rig) *client {
		r.script.fail = proto.Errorf(proto.OverQuota, "no room")
		c := r.logIn(false)
		c.bytes(frame(proto.TypePutObjects, 1, objectsHeader(200_000), pattern(200_000, 1))[:100_000])
		return c
	},
	finish: func(r *rig) *client {
		c := r.logIn(false)
		r.script.shut("finish")
		c.ask(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
		return c
	},
	abort: func(r *rig) *client {
		c := r.logIn(false)
		r.script.badFile = true
		r.script.shut("abort")
		c.bytes(frame(proto.TypePutObjects, 1, objectsHeader(200_000), pattern(200_000, 1))[:100_000])
		return c
	},
	waitTurn: func(r *rig) *client {
		c := r.logIn(false)
		r.script.shut("finish")
		c.ask(proto.TypeUploadChunk, 1, chunkHeader(1), pattern(100_000, 1))
		c.ask(proto.TypePing, 2, nil, nil)
		return c
	},
	park: func(r *rig) *client {
		c := r.logIn(false)
		c.ask(proto.TypeChanges, 1, changesHeader, nil)
		return c
	},
	resume: func(r *rig) *client {
		c := r.logIn(false)
		r.script.shut("resume")
		c.ask(proto.TypeChanges, 1, changesHeader, nil)
		r.waitState(park)
		r.changes.Add(1)
		return c
	},
	sendReply: func(r *rig) *client {
		r.script.header = proto.MaxReplyHeader
		c := r.logIn(true)
		c.ask(proto.TypeGet, 1, getHeader, nil)
		return c
	},
	readAhead: func(r *rig) *client {
		r.script.holdNext = true
		r.script.parts = func() []handler.Part {
			return []handler.Part{r.script.neverReady(2 << 20), r.script.file(pattern(200_000, 1))}
		}
		c := r.logIn(false)
		c.ask(proto.TypeGet, 1, getHeader, nil)
		return c
	},
	sendBody: func(r *rig) *client {
		r.script.parts = func() []handler.Part {
			return []handler.Part{r.script.file(pattern(2<<20, 1)), {Bytes: pattern(2<<20, 1)}, r.script.file(pattern(200_000, 1))}
		}
		c := r.logIn(true)
		c.ask(proto.TypeGet, 1, getHeader, nil)
		return c
	},
	linger: func(r *rig) *client {
		c := r.logIn(false)
		c.bytes(make([]byte, proto.PreludeLen))
		return c
	},
}

// happen is what befalls a connection in a state.
var happen = map[string]func(c *client){
	"gone":   func(c *client) { c.Close() },
	"reset":  func(c *client) { c.reset() },
	"junk":   func(c *client) { _, _ = c.Write(make([]byte, 3000)); c.Close() },
	"halved": func(c *client) { c.CloseWrite() },
	"silent": func(*client) {},
}

// Whatever happens to a peer in whatever state: the connection ends, gives everything back, the loop neither hangs nor
// spins meanwhile, and the server still answers.
func TestEveryStateEveryEnd(t *testing.T) {
	for s := range closed {
		begin := enter[s]
		if begin == nil {
			t.Errorf("no way into state %s", s)
			continue
		}
		for name, event := range happen {
			t.Run(s.String()+" "+name, func(t *testing.T) {
				const notice = 5 * time.Millisecond
				o := options{limits: Limits{Notice: notice, Linger: time.Minute}}
				if s == flush {
					o.limits.SlowFlush = 1
				}
				r := newRig(t, o)
				c := begin(r)
				r.waitState(s)
				turns, from := r.loop.Turns(), time.Now()
				event(c)
				time.Sleep(10 * time.Millisecond)
				if n, most := r.loop.Turns()-turns, 100+uint64(time.Since(from)/notice); n > most {
					t.Errorf("the loop turned %d times in %v", n, time.Since(from))
				}
				r.script.open("jobs") // answers needs none, but a log-in would
				r.answers()
				if name == "silent" || name == "halved" { // what ends these is a limit
					r.setLimits(50 * time.Millisecond)
				}
				r.script.openAll()
				r.waitFor("the end", func() bool { return r.gone.Load() == r.taken.Load() })
				r.setLimits(time.Minute)
				r.answers()
			})
		}
	}
}

// Every edge of the table leads somewhere, and every state but the first is led to.
func TestTable(t *testing.T) {
	led := map[state]bool{decide: true, linger: true, closed: true}
	for s := range table {
		row := table[s]
		if row.name == "" || state(s) != closed && row.step == nil {
			t.Errorf("row %d is not whole", s)
		}
		for _, to := range row.to {
			led[to] = true
			if slices.Contains(table[s].to, state(s)) {
				t.Errorf("%s leads to itself", row.name)
			}
		}
	}
	for s := range table {
		if !led[state(s)] {
			t.Errorf("nothing leads to %s", state(s))
		}
	}
}

// An idle connection holds no buffers, no request and no pipe.
func TestIdleHoldsLittle(t *testing.T) {
	r := newRig(t, options{})
	c := r.logIn(false)
	c.ask(proto.TypePutObjects, 1, objectsHeader(100_000), pattern(100_000, 1))
	c.want(proto.TypePutObjects, 1, proto.OK)
	r.waitState(readPrelude)
	r.on(func() {
		for c := range r.set.conns {
			if c.front != nil || c.behind != nil || c.late != nil {
				t.Error("an idle connection holds a request")
			}
		}
	})
	if s := r.pipes.Stats(); s.Open != s.Idle {
		t.Error("an idle connection holds a pipe")
	}
}

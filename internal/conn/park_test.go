package conn

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

func TestPark(t *testing.T) {
	quick := options{limits: Limits{Notice: 5 * time.Millisecond}}
	wake := map[handler.Reason]func(*rig){
		handler.News:  func(r *rig) { r.changes.Add(1) },
		handler.Limit: func(*rig) {},
		handler.Drain: func(r *rig) { r.on(r.set.Drain) },
	}
	for why, f := range wake {
		t.Run(strconv.Itoa(int(why)), func(t *testing.T) {
			r := newRig(t, quick)
			if why == handler.Limit {
				r.script.until = 100 * time.Millisecond
			}
			c := r.logIn(false)
			c.ask(proto.TypeChanges, 1, changesHeader, nil)
			r.waitState(park)
			if n := r.slot.Parked.Load(); n != 1 {
				t.Fatalf("%d parked", n)
			}
			r.answers()
			f(r)
			p, _ := c.want(proto.TypeChanges, 1, proto.OK)
			if got := <-r.script.resumed; got != why {
				t.Fatalf("resumed for %d, wanted %d", got, why)
			}
			if closing := p.Flags&proto.FlagClosing != 0; closing != (why == handler.Drain) {
				t.Fatalf("closing is %t", closing)
			}
			c.Close()
			r.waitFor("the end", func() bool { return r.gone.Load() == r.taken.Load() })
		})
	}
}

// The counter moved between the query and the park: resume at once.
func TestParkSeenAlready(t *testing.T) {
	r := newRig(t, options{limits: Limits{Notice: time.Hour}})
	r.changes.Store(7)
	r.script.seen = func() uint64 { return 6 }
	c := r.logIn(false)
	c.ask(proto.TypeChanges, 1, changesHeader, nil)
	c.want(proto.TypeChanges, 1, proto.OK)
}

// News that are none for this request: it is parked again.
func TestParkAgain(t *testing.T) {
	r := newRig(t, options{limits: Limits{Notice: 2 * time.Millisecond}})
	r.script.parkAgain.Store(3)
	c := r.logIn(false)
	c.ask(proto.TypeChanges, 1, changesHeader, nil)
	for range 4 {
		r.waitState(park)
		r.changes.Add(1)
		if why := <-r.script.resumed; why != handler.News {
			t.Fatalf("resumed for %d", why)
		}
	}
	c.want(proto.TypeChanges, 1, proto.OK)
}

// Whoever is not to be told before a time is not, whatever happens: no news, no drain. A peer that is gone ends it.
func TestParkDeaf(t *testing.T) {
	r := newRig(t, options{limits: Limits{Notice: time.Millisecond}})
	r.script.until, r.script.deaf = 150*time.Millisecond, true
	c, gone := r.logIn(false), r.logIn(false)
	began := time.Now()
	c.ask(proto.TypeChanges, 1, changesHeader, nil)
	r.waitState(park)
	r.changes.Add(1)
	gone.ask(proto.TypeChanges, 1, changesHeader, nil)
	gone.Close()
	r.waitFor("the end of one", func() bool { return r.gone.Load() == 1 })
	r.on(r.set.Drain)
	if p, _ := c.want(proto.TypeChanges, 1, proto.OK); p.Flags&proto.FlagClosing == 0 {
		t.Error("the last reply does not say closing")
	}
	if took := time.Since(began); took < r.script.until {
		t.Errorf("answered after %v", took)
	}
	if why := <-r.script.resumed; why != handler.Limit {
		t.Errorf("resumed for %d", why)
	}
	c.Close()
	r.waitFor("the end", func() bool { return r.gone.Load() == r.taken.Load() })
}

// Requests sent while one is parked are answered after it.
func TestParkPipelined(t *testing.T) {
	r := newRig(t, options{limits: Limits{Notice: 5 * time.Millisecond}})
	c := r.logIn(false)
	c.bytes(append(frame(proto.TypeChanges, 1, changesHeader, nil), frame(proto.TypePing, 2, nil, nil)...))
	r.waitState(park)
	turns := r.loop.Turns()
	time.Sleep(50 * time.Millisecond)
	if n := r.loop.Turns() - turns; n > 30 {
		t.Fatalf("the loop turned %d times for a parked connection", n)
	}
	r.changes.Add(1)
	c.want(proto.TypeChanges, 1, proto.OK)
	c.want(proto.TypePing, 2, proto.OK)
}

func TestDrain(t *testing.T) {
	r := newRig(t, options{})
	idle, unknown, busy, half := r.logIn(false), r.dial(false), r.logIn(false), r.logIn(false)
	r.script.shut("begin")
	busy.ask(proto.TypeQuota, 1, nil, nil)
	r.waitState(begin)
	request := frame(proto.TypeHave, 2, (&proto.Have{Hashes: make([]proto.Hash, 3)}).Append(nil), nil)
	half.bytes(request[:40])
	r.waitState(readHeader)
	r.on(r.set.Drain)
	idle.ends()
	unknown.ends()
	half.bytes(request[40:])
	if p, _ := half.want(proto.TypeHave, 2, proto.OK); p.Flags&proto.FlagClosing == 0 {
		t.Fatal("the last reply does not say closing")
	}
	r.script.open("begin")
	if p, _ := busy.want(proto.TypeQuota, 1, proto.OK); p.Flags&proto.FlagClosing == 0 {
		t.Fatal("the last reply does not say closing")
	}
	for _, c := range []*client{busy, half} {
		c.ends()
		c.Close()
	}
	r.waitFor("the end of all", func() bool {
		n := 0
		r.on(func() { n = r.set.Len() })
		return n == 0
	})
}

// A reply that is on its way is sent to its end.
func TestDrainDownload(t *testing.T) {
	r := newRig(t, options{})
	body := pattern(2<<20, 1)
	r.script.parts = func() []handler.Part { return []handler.Part{r.script.file(body)} }
	c := r.logIn(true)
	c.ask(proto.TypeGet, 1, getHeader, nil)
	r.waitState(sendBody)
	r.on(r.set.Drain)
	if _, got := c.want(proto.TypeGet, 1, proto.OK); !bytes.Equal(got, body) {
		t.Fatal("the body came otherwise")
	}
	c.ends()
}

// A body that is on its way is received to its end.
func TestDrainUpload(t *testing.T) {
	r := newRig(t, options{})
	c := r.logIn(false)
	first := frame(proto.TypeUploadChunk, 1, chunkHeader(5), pattern(300_000, 1))
	second := frame(proto.TypeUploadChunk, 2, chunkHeader(5), pattern(300_000, 1))
	c.bytes(first)
	c.bytes(second[:200_000])
	r.waitState(recvBody)
	r.on(r.set.Drain)
	c.bytes(second[200_000:])
	c.want(proto.TypeUploadChunk, 1, proto.OK)
	if p, _ := c.want(proto.TypeUploadChunk, 2, proto.OK); p.Flags&proto.FlagClosing == 0 {
		t.Fatal("the last reply does not say closing")
	}
	c.ends()
}

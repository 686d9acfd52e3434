package worker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
	"sluice/internal/stats"
	"sluice/internal/store"
)

// parent is the other end of a worker's hand-off: the test in the parent's place.
type parent struct {
	t       *testing.T
	data    string
	channel *handoff.Channel
	page    *stats.Page
	log     *bytes.Buffer // read after the worker's end only
	ended   chan error
	heard   []handoff.Message
}

// start runs a worker on a new data folder, in this process.
func start(t *testing.T, edit func(*Config)) *parent {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := store.StartUp(data, func(s string) { t.Log(s) }); err != nil {
		t.Fatal(err)
	}
	// The runtime keeps a goroutine for signals from their first use on.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	signal.Stop(signals)
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	page, err := stats.Create(filepath.Join(data, "page"))
	if err != nil {
		t.Fatal(err)
	}
	up, down, err := handoff.Pair()
	if err != nil {
		t.Fatal(err)
	}
	p := &parent{t: t, data: data, channel: handoff.New(up), page: page, log: new(bytes.Buffer), ended: make(chan error, 1)}
	log := logrus.New()
	log.SetOutput(p.log)
	cfg := Config{Data: data, Slot: 0, Workers: 1, Agent: "test", PipeBytes: 8 << 20, DrainLimit: 5 * time.Second}
	if edit != nil {
		edit(&cfg)
	}
	go func() { p.ended <- serve(cfg, log, handoff.New(down)) }()
	t.Cleanup(func() {
		p.channel.Close()
		p.ends(10 * time.Second)
		page.Close()
		deadline := time.Now().Add(5 * time.Second)
		for (runtime.NumGoroutine() > goroutines || descriptors(t) > fds) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, %d before", n, goroutines)
		}
		if n := descriptors(t); n > fds {
			t.Errorf("%d descriptors are open, %d before", n, fds)
		}
	})
	p.hear(handoff.Ready, 0)
	return p
}

// ends waits for the worker's end.
func (p *parent) ends(limit time.Duration) {
	p.t.Helper()
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("the worker ended with %v", err)
		}
		p.ended <- nil // for who asks again
	case <-time.After(limit):
		p.t.Fatal("the worker does not end")
	}
}

// hear waits for a message of this kind and connection; others are kept.
func (p *parent) hear(kind handoff.Kind, connection uint64) handoff.Message {
	p.t.Helper()
	is := func(m handoff.Message) bool { return m.Kind == kind && m.Connection == connection }
	for deadline := time.Now().Add(5 * time.Second); ; {
		if i := slices.IndexFunc(p.heard, is); i >= 0 {
			m := p.heard[i]
			p.heard = slices.Delete(p.heard, i, i+1)
			return m
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("kind %d of connection %d was not heard; %v", kind, connection, p.heard)
		}
		m, fd, err := p.channel.Recv()
		switch {
		case err == nil && fd < 0:
			p.heard = append(p.heard, m)
		case errors.Is(err, handoff.ErrAgain):
			time.Sleep(time.Millisecond)
		default:
			p.t.Fatalf("hear: %v, descriptor %d", err, fd)
		}
	}
}

func (p *parent) send(m handoff.Message, fd int) {
	p.t.Helper()
	for {
		err := p.channel.Send(m, fd)
		if err == nil {
			return
		}
		if !errors.Is(err, handoff.ErrFull) {
			p.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// connect gives the worker a connection of a main listener and returns its other end.
func (p *parent) connect(number uint64) *net.TCPConn {
	p.t.Helper()
	return p.connectTo(handoff.Native, number)
}

// connectTo gives the worker a connection of the listener with this tag.
func (p *parent) connectTo(tag uint8, number uint64) *net.TCPConn {
	p.t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		p.t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { near.Close() })
	far, err := ln.AcceptTCP()
	if err != nil {
		p.t.Fatal(err)
	}
	defer far.Close()
	raw, err := far.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		p.send(handoff.Message{Kind: handoff.Socket, Tag: tag, Connection: number}, int(fd))
	}); err != nil {
		p.t.Fatal(err)
	}
	return near.(*net.TCPConn)
}

func descriptors(t *testing.T) int {
	t.Helper()
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close()
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// ping asks and reads the answer. The worker may not know what a request is, so these are golden bytes: prelude of a
// ping with number 7, and of its reply, flags aside.
func ping(t *testing.T, c *net.TCPConn) (flags byte) {
	t.Helper()
	request := slices.Concat([]byte("\xF5SLC\x01\x00\x00\x02\x00\x00\x00\x07"), make([]byte, 12))
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 24)
	if _, err := io.ReadFull(c, reply); err != nil {
		t.Fatal(err)
	}
	flags, reply[5] = reply[5], 0
	if !bytes.Equal(reply, request) {
		t.Fatalf("reply % x", reply)
	}
	return flags
}

func ended(t *testing.T, c *net.TCPConn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the connection goes on: %d, %v", n, err)
	}
}

func TestServe(t *testing.T) {
	p := start(t, nil)
	a, b := p.connect(1), p.connect(2)
	ping(t, a)
	ping(t, b)
	slot := p.page.Slot(0)
	for deadline := time.Now().Add(5 * time.Second); slot.Requests.Load() < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // a request is counted after its reply
	}
	if slot.Connections.Load() != 2 || slot.Requests.Load() != 2 || slot.Life.Load() == 0 {
		t.Errorf("%d connections, %d requests, life %d", slot.Connections.Load(), slot.Requests.Load(), slot.Life.Load())
	}
	a.Close()
	p.hear(handoff.Gone, 1)
	ping(t, b)
	first := p.hear(handoff.Beat, 0)
	if second := p.hear(handoff.Beat, 0); second.Value <= first.Value {
		t.Errorf("beats %d, %d: the loop does not turn", first.Value, second.Value)
	}
}

func TestDrain(t *testing.T) {
	p := start(t, nil)
	idle := p.connect(1)
	ping(t, idle)
	p.send(handoff.Message{Kind: handoff.Drain, Value: 5000}, -1)
	ended(t, idle)
	p.hear(handoff.Gone, 1)
	p.ends(4 * time.Second)
	if n := p.page.Slot(0).Connections.Load(); n != 0 {
		t.Errorf("%d connections at the end", n)
	}
}

// A connection in the middle of a request gets until the limit.
func TestDrainLimit(t *testing.T) {
	p := start(t, nil)
	slow := p.connect(1)
	if _, err := slow.Write([]byte("\xF5SLC\x01\x00")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	begun := time.Now()
	p.send(handoff.Message{Kind: handoff.Drain, Value: 150}, -1)
	ended(t, slow)
	p.ends(4 * time.Second)
	if took := time.Since(begun); took < 140*time.Millisecond {
		t.Errorf("it was cut off after %v", took)
	}
}

// The parent's death is the end of the hand-off.
func TestOrphan(t *testing.T) {
	p := start(t, nil)
	idle := p.connect(1)
	ping(t, idle)
	p.channel.Close()
	ended(t, idle)
	p.ends(4 * time.Second)
	again, err := store.OpenCommand(store.Config{Data: p.data})
	if err != nil {
		t.Fatalf("the folder cannot be opened after it: %v", err)
	}
	again.Close()
}

// SIGTERM drains too. The whole process gets it, so no test runs beside this one.
func TestTerminate(t *testing.T) {
	p := start(t, nil)
	idle := p.connect(1)
	ping(t, idle)
	if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended(t, idle)
	p.ends(4 * time.Second)
}

// A parent that does not listen loses no Gone.
func TestFullChannel(t *testing.T) {
	p := start(t, nil)
	const many = 700
	for i := range uint64(many) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.send(handoff.Message{Kind: handoff.Socket, Connection: i + 1}, fds[1])
		unix.Close(fds[0])
		unix.Close(fds[1])
	}
	deadline := time.Now().Add(5 * time.Second)
	for p.page.Slot(0).Accepted.Load() < many && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	for i := range uint64(many) {
		p.hear(handoff.Gone, i+1)
	}
	ping(t, p.connect(many+1))
}

func TestNoPage(t *testing.T) {
	up, down, err := handoff.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(up)
	if err := serve(Config{Data: t.TempDir()}, logrus.New(), handoff.New(down)); !errors.Is(err, stats.ErrNoPage) {
		t.Fatal(err)
	}
}

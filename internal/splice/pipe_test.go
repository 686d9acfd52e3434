package splice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// carry moves n bytes from one descriptor to another through a pipe of the pool; offset -1 means a socket.
func carry(p *Pool, from int, fromOff int64, to int, toOff int64, n int) (int, error) {
	q, err := p.Get()
	if err != nil {
		return 0, err
	}
	defer p.Put(q)
	for done := 0; done < n; {
		k, err := q.Fill(from, advance(fromOff, done), n-done)
		if errors.Is(err, ErrAgain) {
			waitFor(from, unix.POLLIN)
			continue
		}
		if err != nil {
			return done, err
		}
		if q.Len() != k {
			return done, fmt.Errorf("filled %d, Len says %d", k, q.Len())
		}
		for q.Len() > 0 {
			k, err := q.Flush(to, advance(toOff, done), q.Len(), done+q.Len() < n)
			if errors.Is(err, ErrAgain) {
				waitFor(to, unix.POLLOUT)
				continue
			}
			if err != nil {
				return done, err
			}
			done += k
		}
	}
	return n, nil
}

func advance(off int64, n int) int64 {
	if off < 0 {
		return off
	}
	return off + int64(n)
}

var sizes = []int{1, 4095, 4096, 65536, 65537, 1<<20 + 1, 5<<20 + 123}

func TestSocketToFile(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	for _, n := range sizes {
		want := bytesOf(n)
		from, peer := connect(t)
		go sendAll(peer, want)
		f := file(t, []byte("before"))
		if k, err := carry(pool, from, -1, int(f.Fd()), 6, n); k != n || err != nil {
			t.Fatalf("%d bytes: %d, %v", n, k, err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("%d bytes: %d arrived, %v", n, len(got), err)
		}
	}
}

func TestFileToSocket(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	for _, n := range sizes {
		want := bytesOf(n)
		f := file(t, append([]byte("before"), want...))
		to, peer := connect(t)
		got := make(chan []byte)
		go func() { got <- receive(peer, n) }()
		if k, err := carry(pool, int(f.Fd()), 6, to, -1, n); k != n || err != nil {
			t.Fatalf("%d bytes: %d, %v", n, k, err)
		}
		if b := <-got; !bytes.Equal(b, want) {
			t.Errorf("%d bytes: %d arrived or differ", n, len(b))
		}
	}
}

func TestSocketToSocket(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	for _, n := range sizes {
		want := bytesOf(n)
		from, sender := connect(t)
		to, receiver := connect(t)
		got := make(chan []byte)
		go sendAll(sender, want)
		go func() { got <- receive(receiver, n) }()
		if k, err := carry(pool, from, -1, to, -1, n); k != n || err != nil {
			t.Fatalf("%d bytes: %d, %v", n, k, err)
		}
		if b := <-got; !bytes.Equal(b, want) {
			t.Errorf("%d bytes: %d arrived or differ", n, len(b))
		}
	}
	if s := pool.Stats(); s.Open != 1 || s.Idle != 1 {
		t.Errorf("pool %+v, want one idle pipe", s)
	}
}

// A sender of one byte a segment fills a pipe's slots long before its bytes; it is legal and must progress.
func TestOneByteSegments(t *testing.T) {
	pool := NewPool(1<<20, 64<<10)
	defer pool.Close()
	want := bytesOf(2000)
	from, peer := connect(t)
	go func() {
		for i := range want {
			sendAll(peer, want[i:i+1])
		}
	}()
	f := file(t, nil)
	if n, err := carry(pool, from, -1, int(f.Fd()), 0, len(want)); n != len(want) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got, _ := os.ReadFile(f.Name()); !bytes.Equal(got, want) {
		t.Error("the bytes differ")
	}
}

// The kernel keeps every one-byte segment in a slot of its own: what is inside is less than what waits.
func TestFullBySlots(t *testing.T) {
	pool := NewPool(1<<20, 64<<10)
	defer pool.Close()
	from, peer := connect(t)
	for range 64 {
		sendAll(peer, []byte("x"))
	}
	q, err := pool.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Put(q)
	waitFor(from, unix.POLLIN)
	f := file(t, nil)
	for moved := 0; moved < 64; {
		n, err := q.Fill(from, -1, 64-moved)
		if err == ErrAgain {
			waitFor(from, unix.POLLIN)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if k, err := q.Flush(int(f.Fd()), int64(moved), n, false); k != n || err != nil {
			t.Fatalf("flushed %d of %d: %v", k, n, err)
		}
		moved += n
	}
}

func TestWhoseTurn(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	from, peer := connect(t)
	q, err := pool.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Put(q)
	if _, err := q.Fill(from, -1, 100); err != ErrAgain {
		t.Errorf("fill from a silent socket: %v, want ErrAgain", err)
	}
	if q.Len() != 0 {
		t.Errorf("%d bytes inside", q.Len())
	}
	// The other way: fill the destination's buffer until it takes no more.
	f := file(t, bytesOf(16<<20))
	var off int64
	for {
		if q.Len() == 0 {
			n, err := q.Fill(int(f.Fd()), off, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			off += int64(n)
		}
		if _, err = q.Flush(from, -1, q.Len(), true); err != nil {
			break
		}
	}
	if err != ErrAgain || q.Len() == 0 {
		t.Errorf("flush into a full socket: %v with %d bytes inside", err, q.Len())
	}
	if n, err := q.Flush(from, -1, 0, false); n != 0 || err != nil {
		t.Errorf("flush of nothing: %d, %v", n, err)
	}
	unix.Shutdown(peer, unix.SHUT_RDWR)
}

func TestEnd(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	from, peer := connect(t)
	unix.Shutdown(peer, unix.SHUT_WR)
	f := file(t, []byte("abc"))
	for name, fill := range map[string]func(q *Pipe) (int, error){
		"socket": func(q *Pipe) (int, error) { waitFor(from, unix.POLLIN); return q.Fill(from, -1, 10) },
		"file":   func(q *Pipe) (int, error) { return q.Fill(int(f.Fd()), 3, 10) },
		"past":   func(q *Pipe) (int, error) { return q.Fill(int(f.Fd()), 1000, 10) },
	} {
		q, err := pool.Get()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := fill(q); n != 0 || err != io.EOF {
			t.Errorf("%s: %d, %v, want the end", name, n, err)
		}
		pool.Put(q)
	}
}

func TestMisuse(t *testing.T) {
	pool := NewPool(1<<20, 1<<20)
	defer pool.Close()
	f := file(t, []byte("abc"))
	for name, use := range map[string]func(q *Pipe){
		"fill a full one": func(q *Pipe) { q.Fill(int(f.Fd()), 0, 3); q.Fill(int(f.Fd()), 0, 3) },
		"fill nothing":    func(q *Pipe) { q.Fill(int(f.Fd()), 0, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			q, err := pool.Get()
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Put(q)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			use(q)
		})
	}
}

// The reader is gone in mid transfer: an error, never a hang, and the bytes inside go with the pipe.
func TestPeerGone(t *testing.T) {
	before := descriptors(t)
	pool := NewPool(1<<20, 1<<20)
	to, peer := connect(t)
	unix.SetsockoptLinger(peer, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Shutdown(peer, unix.SHUT_RDWR)
	f := file(t, bytesOf(8<<20))
	var err error
	for range 100 {
		if _, err = carry(pool, int(f.Fd()), 0, to, -1, 8<<20); err != nil {
			break
		}
	}
	if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("got %v", err)
	}
	if s := pool.Stats(); s.Idle != 0 || s.Open != 0 || s.Bytes != 0 {
		t.Errorf("a pipe with bytes inside was kept: %+v", s)
	}
	pool.Close()
	if after := descriptors(t) - 3; after != before { // the two sockets and the file
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestDiscard(t *testing.T) {
	tcpA, tcpB := connect(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	for name, pair := range map[string][2]int{"tcp": {tcpA, tcpB}, "unix": {fds[0], fds[1]}} {
		if _, err := Discard(pair[0], 10); err != ErrAgain {
			t.Errorf("%s: nothing there: %v", name, err)
		}
		go sendAll(pair[1], append(bytesOf(300_000), "next"...))
		for left := 300_000; left > 0; {
			n, err := Discard(pair[0], left)
			if err == ErrAgain {
				waitFor(pair[0], unix.POLLIN)
				continue
			}
			if err != nil || n > left {
				t.Fatalf("%s: %d, %v with %d to go", name, n, err, left)
			}
			left -= n
		}
		if got := receive(pair[0], 4); string(got) != "next" {
			t.Errorf("%s: %q follows", name, got)
		}
		unix.Shutdown(pair[1], unix.SHUT_WR)
		waitFor(pair[0], unix.POLLIN)
		if _, err := Discard(pair[0], 10); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
}

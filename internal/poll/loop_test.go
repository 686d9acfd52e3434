package poll

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// start runs a loop until the test's end; do runs f on it and waits.
func start(t *testing.T) (l *Loop, do func(f func())) {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	l.OnPanic = func(token Token, v any) { t.Errorf("panic in the callback of %d: %v", token, v) }
	ended := make(chan error)
	go func() { ended <- l.Run() }()
	t.Cleanup(func() {
		l.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, func(f func()) {
		t.Helper()
		done := make(chan struct{})
		l.Post(func() { defer close(done); f() })
		within(t, done, "an answer of the loop")
	}
}

// pair is a connected pair of non-blocking sockets, closed at the test's end.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func write(t *testing.T, fd int) {
	t.Helper()
	if _, err := unix.Write(fd, []byte("x")); err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, c <-chan Ready) Ready {
	t.Helper()
	return within(t, c, "an event")
}

// within waits for what is sure to come, on a machine that does much else.
func within[T any](t *testing.T, c <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain for %s", what)
	}
	return got
}

func TestReadiness(t *testing.T) {
	rows := []struct {
		name string
		want Interest
		act  func(t *testing.T, peer int)
		need Ready
		not  Ready
	}{
		{"bytes", Read, write, Readable, Writable | HungUp | Failed},
		{"room", Write, func(*testing.T, int) {}, Writable, Readable | HungUp | Failed},
		{"both", Read | Write, write, Readable | Writable, HungUp | Failed},
		{"shut down, read", Read, func(_ *testing.T, fd int) { unix.Shutdown(fd, unix.SHUT_WR) }, Readable | HungUp, Writable | Failed},
		{"shut down, hang-up", HangUp, func(_ *testing.T, fd int) { unix.Shutdown(fd, unix.SHUT_WR) }, HungUp, Readable | Writable | Failed},
		{"gone", HangUp, func(_ *testing.T, fd int) { unix.Shutdown(fd, unix.SHUT_RDWR) }, HungUp | Failed, Readable | Writable},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			l, do := start(t)
			a, b := pair(t)
			got := make(chan Ready, 1)
			row.act(t, b)
			do(func() {
				var token Token
				token, err := l.Add(a, row.want, func(r Ready) {
					got <- r
					l.Remove(token)
				})
				if err != nil {
					t.Error(err)
				}
			})
			if r := wait(t, got); r&row.need != row.need || r&row.not != 0 {
				t.Errorf("got %04b, need %04b and not %04b", r, row.need, row.not)
			}
		})
	}
}

// Bytes that wait do not wake a loop that only asked for hang-ups, or for nothing.
func TestHangUpIgnoresBytes(t *testing.T) {
	l, do := start(t)
	a, b := pair(t)
	write(t, b)
	var calls int
	do(func() {
		if _, err := l.Add(a, HangUp, func(Ready) { calls++ }); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(20 * time.Millisecond)
	do(func() {
		if calls != 0 {
			t.Errorf("%d events", calls)
		}
	})
}

// An empty interest left in an epoll set reports hang-ups for ever; None must not.
func TestNoneIsOutOfTheSet(t *testing.T) {
	l, do := start(t)
	a, b := pair(t)
	var calls int
	var token Token
	called := make(chan Ready, 1)
	do(func() {
		var err error
		if token, err = l.Add(a, Read, func(r Ready) { calls++; l.Want(token, None); called <- r }); err != nil {
			t.Error(err)
		}
		if err := l.Want(token, None); err != nil {
			t.Error(err)
		}
	})
	unix.Shutdown(b, unix.SHUT_RDWR)
	before := l.Turns()
	time.Sleep(50 * time.Millisecond)
	if turns := l.Turns() - before; turns > 2 {
		t.Errorf("the loop turned %d times for a descriptor with interest None", turns)
	}
	do(func() {
		if calls != 0 {
			t.Errorf("%d events with interest None", calls)
		}
		if err := l.Want(token, Read); err != nil { // and back
			t.Error(err)
		}
	})
	wait(t, called)
	do(func() {
		if calls != 1 {
			t.Errorf("%d events after the way back, want 1", calls)
		}
	})
}

// Write alone must not spin when the peer has shut down its writing and reads slowly.
func TestWriteIgnoresHalfClose(t *testing.T) {
	l, do := start(t)
	a, b := pair(t)
	for full := make([]byte, 64<<10); ; {
		if _, err := unix.Write(a, full); err != nil {
			break
		}
	}
	unix.Shutdown(b, unix.SHUT_WR)
	do(func() {
		if _, err := l.Add(a, Write, func(Ready) {}); err != nil {
			t.Error(err)
		}
	})
	before := l.Turns()
	time.Sleep(50 * time.Millisecond)
	if turns := l.Turns() - before; turns > 2 {
		t.Errorf("the loop turned %d times", turns)
	}
}

// Two descriptors are ready in one batch; whichever comes first removes the other, closes it and puts a new one under
// the same number. The old one's event must reach nobody.
func TestStaleEvent(t *testing.T) {
	l, do := start(t)
	a, peerA := pair(t)
	b, peerB := pair(t)
	var first, second Token
	var calls, late int
	replace := func(other Token, fd int) {
		calls++
		l.Remove(other)
		quiet, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			t.Error(err)
		}
		if err := unix.Dup3(quiet, fd, unix.O_CLOEXEC); err != nil { // closes the old one
			t.Error(err)
		}
		unix.Close(quiet)
		if _, err := l.Add(fd, Read, func(Ready) { late++ }); err != nil {
			t.Error(err)
		}
		l.Want(first, None)
		l.Want(second, None)
	}
	write(t, peerA)
	write(t, peerB)
	do(func() {
		first, _ = l.Add(a, Read, func(Ready) { replace(second, b) })
		second, _ = l.Add(b, Read, func(Ready) { replace(first, a) })
	})
	time.Sleep(20 * time.Millisecond)
	do(func() {
		if calls != 1 || late != 0 {
			t.Errorf("%d callbacks of the old ones, want 1; %d of the new one, want 0", calls, late)
		}
		if first == second || first == 0 {
			t.Errorf("tokens %d and %d", first, second)
		}
	})
}

// A descriptor that is forgotten and closed is out of the set, also when another process had a copy for a while; events
// meanwhile reach nobody, and its number can be used again.
func TestForget(t *testing.T) {
	l, do := start(t)
	a, b := pair(t)
	fd, err := unix.Dup(a)
	if err != nil {
		t.Fatal(err)
	}
	stale := func(Ready) { t.Error("an event of a forgotten descriptor") }
	do(func() {
		token, err := l.Add(fd, Read, stale)
		if err != nil {
			t.Error(err)
		}
		l.Forget(token)
		unix.Close(fd)
	})
	write(t, b)
	time.Sleep(5 * time.Millisecond)
	// Another socket, most likely of the same number, while the copy of the first one still lives.
	c, d := pair(t)
	ready := make(chan Ready, 1)
	do(func() {
		var token Token
		token, err = l.Add(c, Read, func(r Ready) {
			l.Remove(token)
			ready <- r
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, d)
	if r := wait(t, ready); r != Readable {
		t.Errorf("ready %b", r)
	}
	if err := unix.Dup3(d, a, unix.O_CLOEXEC); err != nil { // the last copy of the first socket goes
		t.Fatal(err)
	}
	do(func() {})
	turns := l.Turns()
	time.Sleep(20 * time.Millisecond)
	if n := l.Turns() - turns; n > 3 {
		t.Errorf("%d turns of an idle loop", n)
	}
}

func TestPostKeepsOrder(t *testing.T) {
	l, do := start(t)
	const each, many = 1000, 8
	var got [many][]int
	var wg sync.WaitGroup
	for who := range many {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				l.Post(func() { got[who] = append(got[who], i) })
			}
		}()
	}
	wg.Wait()
	do(func() {
		for who := range got {
			for i, v := range got[who] {
				if v != i {
					t.Fatalf("poster %d: function %d ran as number %d", who, v, i)
				}
			}
			if len(got[who]) != each {
				t.Errorf("poster %d: %d functions ran", who, len(got[who]))
			}
		}
	})
}

func TestPanicIsRecovered(t *testing.T) {
	l, do := start(t)
	a, b := pair(t)
	type report struct {
		token Token
		value any
	}
	var reports []report
	var token Token
	l.Post(func() { l.OnPanic = func(token Token, v any) { reports = append(reports, report{token, v}) } })
	do(func() {
		token, _ = l.Add(a, Read, func(Ready) { l.Remove(token); panic("event") })
		write(t, b)
	})
	l.Post(func() { panic("posted") })
	do(func() { l.Soon(func() { panic("soon") }) })
	do(func() { l.Timer(func() { panic("timer") }).Set(l.Now()) })
	past(t, l, do, time.Millisecond)
	do(func() {
		seen := map[any]Token{}
		for _, r := range reports {
			seen[r.value] = r.token
		}
		if len(seen) != 4 || seen["event"] != token || seen["posted"] != 0 {
			t.Errorf("reports %v, token %d", reports, token)
		}
	})
}

// A signal must neither end the loop nor reach a callback.
func TestSignalIsNoEvent(t *testing.T) {
	l, do := start(t)
	var tid int
	do(func() { tid = unix.Gettid() })
	for range 100 {
		// SIGURG is what the Go runtime itself preempts with; it ignores what it did not send.
		if err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Microsecond)
	}
	do(func() {})
	if l.Turns() == 0 {
		t.Error("no turns")
	}
}

func TestSoonDoesNotStarveEvents(t *testing.T) {
	l, do := start(t)
	a, b := pair(t)
	var again func()
	var rounds, stop int
	got := make(chan Ready, 1)
	again = func() {
		if rounds++; stop == 0 {
			l.Soon(again)
		}
	}
	do(func() {
		var token Token
		token, _ = l.Add(a, Read, func(r Ready) { l.Remove(token); stop = 1; got <- r })
		l.Soon(again)
	})
	for n := 0; n < 2; {
		do(func() { n = rounds })
	}
	write(t, b)
	wait(t, got)
	do(func() {
		if rounds < 2 {
			t.Errorf("%d rounds", rounds)
		}
	})
}

func TestErrors(t *testing.T) {
	l, do := start(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	do(func() {
		if _, err := l.Add(int(file.Fd()), Read, nil); err == nil {
			t.Error("a plain file was added")
		}
		if err := l.Want(12345, Read); err == nil {
			t.Error("interest for a token that was never given out")
		}
		l.Remove(12345)
		if len(l.sources) != 0 {
			t.Errorf("%d sources are left", len(l.sources))
		}
	})
}

func TestDescriptorsComeBack(t *testing.T) {
	before := open(t)
	for range 10 {
		l, err := New()
		if err != nil {
			t.Fatal(err)
		}
		var ran atomic.Bool
		l.Post(func() { ran.Store(true) })
		l.Stop()
		if err := l.Run(); err != nil || !ran.Load() {
			t.Errorf("run: %v, posted function ran: %v", err, ran.Load())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		l.Post(func() { t.Error("a function posted after Close ran") })
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := open(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

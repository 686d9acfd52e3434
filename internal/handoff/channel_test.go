package handoff

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ends is a channel and the raw descriptor of its other end, both closed at the test's end.
func ends(t *testing.T) (*Channel, int) {
	t.Helper()
	parent, child, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	c := New(parent)
	t.Cleanup(func() { c.Close(); unix.Close(child) })
	return c, child
}

// null opens a descriptor to be sent.
func null(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestRoundTrip(t *testing.T) {
	c, other := ends(t)
	d := New(other)
	fd := null(t)
	before := open(t)
	for _, m := range []Message{
		{Kind: Socket, Tag: 7, Connection: 1<<64 - 1},
		{Kind: Socket, From: netip.MustParseAddrPort("127.0.0.1:65535"), Connection: 1},
		{Kind: Socket, From: netip.MustParseAddrPort("[2001:db8::ff]:1"), Connection: 2},
		{Kind: Moved, Connection: 5}, {Kind: Drain}, {Kind: Ready}, {Kind: Beat, Value: 1<<64 - 2},
		{Kind: Known, Connection: 3}, {Kind: Gone, Connection: 4}, {Kind: Move, Connection: 6, Value: 1},
	} {
		send := -1
		if carries, _ := m.Kind.carries(); carries {
			send = fd
		}
		if err := c.Send(m, send); err != nil {
			t.Fatal(err)
		}
		got, received, err := d.Recv()
		if err != nil || got != m || (received >= 0) != (send >= 0) {
			t.Fatalf("sent %+v with %d, received %+v with %d, %v", m, send, got, received, err)
		}
		if received < 0 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(received), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("the descriptor survives an exec: %d, %v", flags, err)
		}
		unix.Close(received)
	}
	if _, _, err := d.Recv(); err != ErrAgain {
		t.Errorf("an empty channel: %v", err)
	}
	if after := open(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// What a broken or hostile worker may send. Each is refused, no descriptor stays open, and the next good message passes.
func TestHostile(t *testing.T) {
	good := func(k Kind) []byte {
		var b [Length]byte
		Message{Kind: k}.put(b[:])
		return b[:]
	}
	with := func(b []byte, at int, v byte) []byte { b[at] = v; return b }
	rows := []struct {
		name  string
		bytes []byte
		fds   int
	}{
		{"one byte", []byte{1}, 0},
		{"one byte with a descriptor", []byte{1}, 1},
		{"a byte short", good(Beat)[:Length-1], 0},
		{"a byte long", append(good(Beat), 0), 0},
		{"very long", make([]byte, 60_000), 0},
		{"very long with a descriptor", make([]byte, 60_000), 1},
		{"17 messages", bytes.Repeat(good(Beat), packetMost+1), 0},
		{"two messages, a byte short", bytes.Repeat(good(Beat), 2)[:2*Length-1], 0},
		{"two messages with a descriptor", bytes.Repeat(good(Beat), 2), 1},
		{"two messages with 200", bytes.Repeat(good(Beat), 2), 200},
		{"a socket with reserved bytes", with(good(Socket), 4, 1), 1},
		{"kind 0", good(0), 0},
		{"kind 0 with a descriptor", good(0), 1},
		{"kind 255", good(255), 0},
		{"reserved at 2", with(good(Beat), 2, 1), 0},
		{"reserved at 7", with(good(Beat), 7, 1), 0},
		{"reserved at 24", with(good(Beat), 24, 1), 0},
		{"reserved at 31 with a descriptor", with(good(Move), 31, 1), 1},
		{"a beat with a descriptor", good(Beat), 1},
		{"a move without one", good(Move), 0},
		{"a move with two", good(Move), 2},
		{"a move with 200", good(Move), 200},
		{"a beat with 200", good(Beat), 200},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c, other := ends(t)
			var fds []int
			for range row.fds {
				fds = append(fds, null(t))
			}
			before := open(t)
			var rights []byte
			if row.fds > 0 {
				rights = unix.UnixRights(fds...)
			}
			if err := unix.Sendmsg(other, row.bytes, rights, nil, 0); err != nil {
				t.Fatal(err)
			}
			if m, fd, err := c.Recv(); !errors.Is(err, ErrMalformed) || fd != -1 {
				t.Errorf("received %+v, descriptor %d, %v", m, fd, err)
			}
			if after := open(t); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
			if err := New(other).Send(Message{Kind: Beat, Value: 1}, -1); err != nil {
				t.Fatal(err)
			}
			if m, _, err := c.Recv(); err != nil || m.Kind != Beat {
				t.Errorf("then: %+v, %v", m, err)
			}
		})
	}
}

func TestEndOfFile(t *testing.T) {
	c, other := ends(t)
	d := New(other)
	if err := d.Send(Message{Kind: Ready}, -1); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d.Close()
	if m, _, err := c.Recv(); err != nil || m.Kind != Ready {
		t.Errorf("what was sent before the end: %+v, %v", m, err)
	}
	if _, _, err := c.Recv(); err != io.EOF {
		t.Errorf("then: %v, want the end", err)
	}
	if err := c.Send(Message{Kind: Drain}, -1); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("send to nobody: %v", err)
	}
}

// A worker that was killed leaves messages unread; what it had sent still arrives, then the end.
func TestGoneWithMessagesUnread(t *testing.T) {
	c, other := ends(t)
	d := New(other)
	fd := null(t)
	before := open(t)
	for range 3 {
		if err := c.Send(Message{Kind: Socket}, fd); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Send(Message{Kind: Gone, Connection: 7}, -1); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if m, _, err := c.Recv(); err != nil || m.Connection != 7 {
		t.Errorf("received %+v, %v", m, err)
	}
	if _, _, err := c.Recv(); err != io.EOF {
		t.Errorf("then: %v, want the end", err)
	}
	if after := open(t); after != before-1 { // the end that was closed
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// An empty packet and the end look alike; a descriptor beside it must not stay open all the same.
func TestEmptyPacket(t *testing.T) {
	c, other := ends(t)
	fd := null(t)
	before := open(t)
	if err := unix.Sendmsg(other, nil, unix.UnixRights(fd), nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Recv(); err != io.EOF && !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
	if after := open(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// A receiver that does not read is back-pressure. All that was sent arrives.
func TestFull(t *testing.T) {
	c, other := ends(t)
	fd := null(t)
	sent := 0
	for ; sent < 100_000; sent++ {
		err := c.Send(Message{Kind: Socket, Connection: uint64(sent)}, fd)
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if sent < 16 || sent == 100_000 {
		t.Fatalf("%d messages fit", sent)
	}
	t.Logf("%d messages fit", sent)
	d := New(other)
	for i := range sent {
		m, got, err := d.Recv()
		if err != nil || m.Connection != uint64(i) {
			t.Fatalf("message %d: %+v, %v", i, m, err)
		}
		unix.Close(got)
	}
	if err := c.Send(Message{Kind: Socket}, fd); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestMisuse(t *testing.T) {
	c, _ := ends(t)
	fd := null(t)
	for name, err := range map[string]error{
		"a socket without a descriptor": c.Send(Message{Kind: Socket}, -1),
		"a beat with one":               c.Send(Message{Kind: Beat}, fd),
		"an unknown kind":               c.Send(Message{Kind: 99}, -1),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "BUG:") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A worker out of descriptors gets the message without one: it lost a connection, and must be able to say which.
func TestOutOfDescriptors(t *testing.T) {
	if os.Getenv("HANDOFF_CHILD") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=15s")
		cmd.Env = append(os.Environ(), "HANDOFF_CHILD=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	c, other := ends(t)
	d := New(other)
	if err := c.Send(Message{Kind: Socket, Connection: 42}, null(t)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: 64}); err != nil {
		t.Fatal(err)
	}
	if m, fd, err := d.Recv(); err != ErrLost || m.Connection != 42 || fd != -1 {
		t.Errorf("received %+v, %d, %v", m, fd, err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(Message{Kind: Socket, Connection: 43}, null(t)); err != nil {
		t.Fatal(err)
	}
	m, fd, err := d.Recv()
	if err != nil || m.Connection != 43 {
		t.Errorf("then: %+v, %d, %v", m, fd, err)
	}
	unix.Close(fd)
}

// Messages that travel together arrive one by one, in order. One among them that is none, or should have a descriptor,
// is refused alone.
func TestTogether(t *testing.T) {
	c, other := ends(t)
	d := New(other)
	var all []Message
	for i := range 3*packetMost + 1 {
		all = append(all, Message{Kind: Gone, Connection: uint64(i)})
	}
	if n, err := c.SendAll(all); n != len(all) || err != nil {
		t.Fatalf("%d sent, %v", n, err)
	}
	if err := c.Send(Message{Kind: Socket, Connection: 99}, null(t)); err != nil {
		t.Fatal(err)
	}
	for i, want := range append(all, Message{Kind: Socket, Connection: 99}) {
		m, fd, err := d.Recv()
		if m != want || err != nil || (fd >= 0) != (want.Kind == Socket) {
			t.Fatalf("message %d: %+v, descriptor %d, %v", i, m, fd, err)
		}
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if _, _, err := d.Recv(); err != ErrAgain || d.Fetched() {
		t.Errorf("then: %v", err)
	}
	raw := make([]byte, 4*Length)
	for i, m := range []Message{{Kind: Gone, Connection: 1}, {Kind: 99}, {Kind: Move}, {Kind: Known, Connection: 2}} {
		m.put(raw[i*Length:][:Length])
	}
	if err := unix.Sendto(c.FD(), raw, 0, nil); err != nil {
		t.Fatal(err)
	}
	for i, good := range []bool{true, false, false, true} {
		if _, fd, err := d.Recv(); fd >= 0 || (err == nil) != good || !good && !errors.Is(err, ErrMalformed) {
			t.Errorf("message %d: descriptor %d, %v", i, fd, err)
		}
	}
	if n, err := c.SendAll([]Message{{Kind: Gone}, {Kind: Move}}); n != 0 || err == nil || !strings.HasPrefix(err.Error(), "BUG:") {
		t.Errorf("a move among others: %d, %v", n, err)
	}
}

// What was fetched and not received is closed with the channel; the end after it is heard where it was not.
func TestCloseWithMessagesFetched(t *testing.T) {
	for _, closed := range []bool{false, true} {
		c, other := ends(t)
		fd := null(t)
		before := open(t)
		for range 3 {
			if err := c.Send(Message{Kind: Socket}, fd); err != nil {
				t.Fatal(err)
			}
		}
		if closed {
			c.Close()
			before--
		}
		d := New(other)
		if _, got, err := d.Recv(); err != nil || unix.Close(got) != nil || !d.Fetched() {
			t.Fatalf("received %d, %v", got, err)
		}
		d.in.drop()
		if after := open(t); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
		if _, _, err := d.Recv(); (err == io.EOF) != closed || !closed && err != ErrAgain {
			t.Errorf("then: %v", err)
		}
	}
}

// Sockets that travel in one call arrive one by one; when there is no room for all, the rest is told.
func TestEach(t *testing.T) {
	c, other := ends(t)
	fd := null(t)
	before := open(t)
	var all []Message
	var fds []int
	for i := range 100_000 {
		all, fds = append(all, Message{Kind: Socket, Connection: uint64(i)}), append(fds, fd)
	}
	if n, err := c.SendEach(all[:3*packetsAtOnce/2], fds); n != 3*packetsAtOnce/2 || err != nil {
		t.Fatalf("%d sent, %v", n, err)
	}
	sent, err := c.SendEach(all[3*packetsAtOnce/2:], fds)
	sent += 3 * packetsAtOnce / 2
	if err != ErrFull || sent < 2*packetsAtOnce || sent == len(all) {
		t.Fatalf("%d sent, %v", sent, err)
	}
	d := New(other)
	for i := range sent {
		m, got, err := d.Recv()
		if err != nil || m.Connection != uint64(i) {
			t.Fatalf("message %d: %+v, %v", i, m, err)
		}
		unix.Close(got)
	}
	if _, _, err := d.Recv(); err != ErrAgain {
		t.Errorf("then: %v", err)
	}
	if n, err := c.SendEach([]Message{{Kind: Socket}, {Kind: Gone}}, []int{fd, fd}); n != 0 || err == nil || !strings.HasPrefix(err.Error(), "BUG:") {
		t.Errorf("a kind without a descriptor: %d, %v", n, err)
	}
	if after := open(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

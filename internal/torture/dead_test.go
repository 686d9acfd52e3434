package torture

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// ways are how a peer comes to be dead, and what it was doing. The server must close the connection between from and to: a body
// has at least one whole window of the least rate, and at most two, as what fits into buffers counts for the first.
var ways = []struct {
	name     string
	doing    string // "down", "up", "header", "idle", "wait"
	how      string // "stop": the process stands still; "cut": the link goes down; "reset": the socket is reset
	from, to time.Duration
}{
	{"stopped while it reads", "down", "stop", rateWindow, 2 * rateWindow},
	{"stopped while it writes", "up", "stop", rateWindow, 2 * rateWindow},
	{"stopped within a header", "header", "stop", headerLimit, headerLimit},
	{"stopped while idle", "idle", "stop", idleLimit, idleLimit},
	{"reset while it reads", "down", "reset", 0, 0},
	{"reset while it writes", "up", "reset", 0, 0},
	{"reset while it waits", "wait", "reset", 0, 0},
	{"cut off while it reads", "down", "cut", rateWindow, 2 * rateWindow},
	{"cut off while it writes", "up", "cut", rateWindow, 2 * rateWindow},
}

const (
	headerLimit = 3 * time.Second
	idleLimit   = 5 * time.Second
	rateWindow  = 30 * time.Second // conn's
	// late is how much later than its deadline a connection may be closed, on a busy machine, and early how much sooner.
	late, early = 8 * time.Second, 2 * time.Second
	// shortWait is how long a short round looks at peers whose deadline is too far away; then their processes are killed.
	shortWait = 4 * time.Second
)

// TestDeadPeers is R1: peers that stand still, are reset or cut off, in the middle of everything. The other connections of the
// same worker do not notice, each dead one is closed at its deadline, and nothing of it is left.
func TestDeadPeers(t *testing.T) {
	t.Parallel()
	r := begin(t)
	s := r.newServer(r.path("data"), 1, "--header-timeout", headerLimit.String(), "--idle-timeout", idleLimit.String(), "--plain", "allow")
	var link *link
	if r.long { // in a short round nobody would hear that they are killed
		link = r.newLink()
	}
	host := "127.0.0.1"
	if link != nil {
		host = link.here
		_, port, _ := strings.Cut(s.address, ":")
		s.args = append(s.args, "--listen", host+":"+port)
	}
	s.start()
	big := s.store(32 << 20 / 4)[0]                                                               // 8 MiB, the greatest that comes at once
	s.each(400, func(random *rand.Rand) error { return s.abortedConnection(random, []ack{big}) }) // opens all it will ever need
	s.useEverywhere([]ack{big})
	before := s.countAll()
	count := r.pick(8, 100)
	all := make([]*peers, len(ways))
	for i, way := range ways {
		if way.how == "cut" && link == nil {
			r.Logf("%s: only in the long round, as root", way.name)
			continue
		}
		all[i] = r.startPeers(s, host, link, way.doing, way.how, count, big)
	}
	var group sync.WaitGroup
	defer group.Wait()
	for i, way := range ways {
		p := all[i]
		if p == nil {
			continue
		}
		began := time.Now()
		switch way.how {
		case "stop":
			unix.Kill(p.pid(), unix.SIGSTOP)
		case "reset":
			p.say("reset")
		case "cut":
			link.cut()
		}
		// While the others were started these have been idle already.
		from, to := max(way.from-time.Since(p.started), 0), way.to
		if from > shortWait+idleLimit && !r.long {
			time.AfterFunc(shortWait, func() { p.command.Process.Kill() })
			from, to = shortWait, shortWait
		}
		group.Go(func() { r.awaitClosed(s, p, way.name, began, from, to) })
	}
	// The same worker serves others meanwhile.
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	during := s.pings(done)
	after := make(chan struct{})
	time.AfterFunc(2*time.Second, func() { close(after) })
	alone := s.pings(after)
	r.Logf("%d peers each way; another connection's pings meanwhile: %v; afterwards: %v", count, during, alone)
	if limit := max(50*time.Millisecond, 3*alone.p99); r.long && during.p99 > limit {
		r.Errorf("p99 of pings is %v, the limit is %v", during.p99, limit)
	}
	s.quiet()
	s.useEverywhere([]ack{big})
	// A short round may meet the database's readers still being opened as they are first needed; the long one has met them all.
	if now := s.countAll(); r.long && now[0].what() != before[0].what() {
		r.Errorf("before: %s, after: %s", before[0].what(), now[0].what())
	}
	s.samePipes("afterwards")
	s.sameObjects()
	s.mustAnswer()
	s.stop()
	s.checkAll("afterwards")
}

// latencies are how long pings took.
type latencies struct {
	count         int
	p50, p99, max time.Duration
}

func (l latencies) String() string {
	return fmt.Sprintf("%d, p50 %v, p99 %v, max %v", l.count, l.p50, l.p99, l.max)
}

// pings asks for a sign of life every ten milliseconds until done.
func (s *server) pings(done <-chan struct{}) latencies {
	s.Helper()
	w := s.dial()
	defer w.Close()
	var waits []time.Duration
	for over := false; !over; {
		began := time.Now()
		s.must(w.tryPing())
		waits = append(waits, time.Since(began))
		select {
		case <-done:
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	slices.Sort(waits)
	return latencies{len(waits), waits[len(waits)/2], waits[len(waits)*99/100], waits[len(waits)-1]}
}

// awaitClosed waits until the server has closed all connections of some peers, and compares the time with the deadline. The
// server's sockets are looked at: the peers cannot tell.
func (r *round) awaitClosed(s *server, p *peers, name string, began time.Time, from, to time.Duration) {
	first, last := time.Duration(0), time.Duration(0)
	total := len(p.ends)
	for time.Since(began) < to+late+5*time.Second {
		open := openEnds(s, p.ends)
		if open < total && first == 0 {
			first = time.Since(began)
		}
		if open == 0 {
			last = time.Since(began)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	switch {
	case last == 0:
		r.Errorf("%s: connections are still open %v after", name, time.Since(began).Round(time.Second))
	case last > to+late:
		r.Errorf("%s: the last was closed after %v, the deadline is %v", name, last, to)
	case first < from-early:
		r.Errorf("%s: the first was closed after %v, it has until %v", name, first, from)
	}
	r.Logf("%s: %d closed after %v to %v; due from %v to %v", name, total, first.Round(10*time.Millisecond), last.Round(10*time.Millisecond), from, to)
}

// openEnds counts the peers for which the server, in this network namespace, holds a socket.
func openEnds(s *server, ends []string) int {
	raw, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return len(ends)
	}
	_, text, _ := strings.Cut(s.address, ":")
	own, _ := strconv.Atoi(text)
	open := 0
	for _, line := range strings.Split(string(raw), "\n") {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] == "0A" || f[9] == "0" { // listening; no process has it any more
			continue
		}
		_, here, _ := strings.Cut(f[1], ":")
		if here == fmt.Sprintf("%04X", own) && slices.Contains(ends, f[2]) {
			open++
		}
	}
	return open
}

// peers are a number of connections in a process of their own.
type peers struct {
	command *exec.Cmd
	in      io.WriteCloser
	ends    []string // addresses, as /proc/net/tcp shows them
	started time.Time
}

func (p *peers) pid() int        { return p.command.Process.Pid }
func (p *peers) say(word string) { fmt.Fprintln(p.in, word) }

// startPeers starts connections that are in the middle of something; those that are to be cut off live on the link's other
// side.
func (r *round) startPeers(s *server, host string, link *link, doing, how string, count int, big ack) *peers {
	r.Helper()
	_, port, _ := strings.Cut(s.address, ":")
	c := startSelf("peer", host+":"+port, s.login(), doing, strconv.Itoa(count), fmt.Sprintf("%x", big.hash[:]))
	if how == "cut" {
		c.Env = append(c.Env, spaceVariable+"=/run/netns/"+link.space)
	}
	out, err := c.StdoutPipe()
	r.must(err)
	p := &peers{command: c, started: time.Now()}
	p.in, err = c.StdinPipe()
	r.must(err)
	c.Stderr = os.Stderr
	r.must(c.Start())
	r.Cleanup(func() { c.Process.Kill(); c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		r.Fatalf("the peers that are to be %s say nothing: %v", how, err)
	}
	p.ends = strings.Fields(line)
	if len(p.ends) != count {
		r.Fatalf("%d peers, not %d", len(p.ends), count)
	}
	return p
}

// peerChild opens connections, begins on each what it was told to, tells their ports, and waits to be killed or told to reset
// them.
func peerChild() {
	enterSpace()
	address, token, doing, hash := os.Args[1], os.Args[2], os.Args[3], os.Args[5]
	count, _ := strconv.Atoi(os.Args[4])
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "peer:", err)
			os.Exit(1)
		}
	}
	var all []*wire
	for i := range count {
		w, err := (&server{address: address}).tryDial()
		fail(err)
		all = append(all, w)
		_, err = w.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Token: token, Agent: "torture"}, nil)
		fail(err)
		switch doing {
		case "down":
			var sum proto.Hash
			_, err = fmt.Sscanf(hash, "%x", (*hexHash)(&sum))
			fail(err)
			w.SetReadBuffer(64 << 10) // so that the server has most of it left
			_, err = w.Write(w.frame(proto.TypeGet, (&proto.Get{Hash: sum, Length: -1}).Append(nil), nil))
			fail(err)
			_, err = io.ReadFull(w, make([]byte, 50_000))
		case "up":
			b := make([]byte, 2<<20)
			fill(b, uint64(i))
			frame := w.frame(proto.TypePutObjects, (&proto.PutObjects{Objects: []proto.Object{{Hash: client.Sum(b), Size: int64(len(b))}}}).Append(nil), b)
			_, err = w.Write(frame[:len(frame)/2])
		case "header":
			frame := w.frame(proto.TypeStat, (&proto.Stat{}).Append(nil), nil)
			_, err = w.Write(frame[:len(frame)-1])
			if len(frame) == proto.PreludeLen { // an empty header: stop within the prelude
				err = nil
			}
		case "wait":
			_, err = w.Write(w.frame(proto.TypeChanges, (&proto.Changes{Epoch: 1, Since: 1 << 40, WaitMs: 60_000}).Append(nil), nil))
		}
		fail(err)
	}
	for _, w := range all {
		end := w.LocalAddr().(*net.TCPAddr)
		ip := end.IP.To4()
		fmt.Printf("%02X%02X%02X%02X:%04X ", ip[3], ip[2], ip[1], ip[0], end.Port) // lint:allow: this process's only output
	}
	fmt.Println() // lint:allow
	bufio.NewReader(os.Stdin).ReadString('\n')
	for _, w := range all {
		w.SetLinger(0)
		w.Close()
	}
	time.Sleep(time.Hour) // the test ends it
}

// hexHash reads a hash.
type hexHash proto.Hash

func (h *hexHash) Scan(state fmt.ScanState, _ rune) error {
	var b []byte
	if _, err := fmt.Fscanf(state, "%x", &b); err != nil {
		return err
	}
	copy(h[:], b)
	return nil
}

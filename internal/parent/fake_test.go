package parent

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handoff"
)

// fake is a worker for tests. It greets each connection with its slot, process and the
// connection's number, and then obeys its bytes (see obey). What is wrong with it is said
// by words: unready, mute, frozen, deaf, stubborn, closed.
type fake struct {
	words   []string
	slot    string
	channel *handoff.Channel
	sending sync.Mutex
	turns   uint64
	hang    chan struct{}
}

func fakeWorker(role string) int {
	f := &fake{words: strings.Fields(role), slot: os.Getenv("SLUICE_PARENT_SLOT"), channel: handoff.New(3), hang: make(chan struct{})}
	if f.is("unready") {
		return 7
	}
	if f.is("unready-once") {
		// The file is the memory of a life before.
		if err := os.Mkdir(os.Getenv("SLUICE_PARENT_MARK"), 0o700); err == nil {
			return 7
		}
	}
	if f.is("mute") {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(f.channel.FD())}}, -1) // until the parent has gone
		return 0
	}
	f.send(handoff.Message{Kind: handoff.Ready}, -1)
	if f.is("closed") {
		f.channel.Close()
		time.Sleep(time.Hour)
	}
	go f.beat()
	if f.is("deaf") {
		time.Sleep(time.Hour)
	}
	for {
		if !f.channel.Fetched() { // of what was received together the kernel does not tell again
			poll := []unix.PollFd{{Fd: int32(f.channel.FD()), Events: unix.POLLIN}}
			_, _ = unix.Poll(poll, -1)
		}
		message, fd, err := f.channel.Recv()
		switch {
		case errors.Is(err, handoff.ErrAgain):
		case errors.Is(err, io.EOF):
			return 0
		case err != nil:
			return 8
		case message.Kind == handoff.Drain && !f.is("stubborn"):
			return 0
		case message.Kind == handoff.Socket:
			go f.serve(fd, message.Connection, message.From)
		}
	}
}

func (f *fake) is(word string) bool { return slices.Contains(f.words, word) }

func (f *fake) send(m handoff.Message, fd int) {
	f.sending.Lock()
	defer f.sending.Unlock()
	for errors.Is(f.channel.Send(m, fd), handoff.ErrFull) {
		time.Sleep(time.Millisecond)
	}
}

func (f *fake) beat() {
	for {
		if !f.is("frozen") {
			f.turns++
		}
		f.send(handoff.Message{Kind: handoff.Beat, Value: f.turns}, -1)
		select {
		case <-f.hang:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// serve owns fd.
func (f *fake) serve(fd int, number uint64, from netip.AddrPort) {
	defer f.send(handoff.Message{Kind: handoff.Gone, Connection: number}, -1)
	defer unix.Close(fd)
	nonblocking, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	var options []int // what is set on the listener and comes with every connection
	for _, o := range [][2]int{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
	} {
		value, _ := unix.GetsockoptInt(fd, o[0], o[1])
		options = append(options, value)
	}
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	greeting := fmt.Sprintf("%s %d %d from=%v nonblock=%t options=%v nofile=%t\n", f.slot, os.Getpid(), number, from,
		nonblocking&unix.O_NONBLOCK != 0, options, limit.Cur == limit.Max)
	if _, err := unix.Write(fd, []byte(greeting)); err != nil {
		return
	}
	for {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		var b [1]byte
		n, err := unix.Read(fd, b[:])
		if n == 1 {
			f.obey(b[0], number)
			_, _ = unix.Write(fd, b[:])
			continue
		}
		if !errors.Is(err, unix.EAGAIN) {
			return
		}
	}
}

// obey does what a byte of the test's says.
func (f *fake) obey(command byte, number uint64) {
	switch command {
	case 'k': // this connection has logged in
		f.send(handoff.Message{Kind: handoff.Known, Connection: number}, -1)
	case 'd': // die
		os.Exit(9)
	case 'h': // the loop stands still
		close(f.hang)
	case 'j': // nonsense, and claims on connections of others
		f.send(handoff.Message{Kind: handoff.Ready}, -1)
		for _, n := range []uint64{0, number - 1, number + 1, 1 << 40, ^uint64(0)} {
			f.send(handoff.Message{Kind: handoff.Gone, Connection: n}, -1)
			f.send(handoff.Message{Kind: handoff.Known, Connection: n}, -1)
		}
		null, err := os.Open("/dev/null")
		if err == nil {
			f.send(handoff.Message{Kind: handoff.Move, Connection: number, Value: 1}, int(null.Fd())) // lint:allow /dev/null
			null.Close()
		}
		for _, raw := range [][]byte{{1}, make([]byte, 31), make([]byte, 32), make([]byte, 33), make([]byte, 4096)} {
			_ = unix.Sendto(f.channel.FD(), raw, 0, nil)
		}
	case 'g': // says twice that this connection has gone
		f.send(handoff.Message{Kind: handoff.Gone, Connection: number}, -1)
		f.send(handoff.Message{Kind: handoff.Gone, Connection: number}, -1)
	}
}

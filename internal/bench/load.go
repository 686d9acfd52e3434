package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// load sends requests on many connections at once, one after another on each, and counts the answers: by default one
// epoll loop, the same for every protocol, so that what differs is the server. The clock starts when every connection has
// had its first answer.
func load(j job, _ func(string)) (answer, error) {
	loaders := make([]*loader, max(j.Loops, 1))
	var opened, ran errgroup.Group
	run := make(chan time.Time) // when to end
	for i := range loaders {
		l := &loader{job: j, in: make([]byte, 256<<10), lines: make(map[int32]*line), first: i, step: len(loaders)}
		l.Requests = make([][]byte, len(j.Requests)) // each writes its numbers into its own
		for n, request := range j.Requests {
			l.Requests[n] = bytes.Clone(request)
		}
		loaders[i] = l
		done := make(chan error, 1)
		opened.Go(func() error { return <-done })
		ran.Go(func() error {
			runtime.LockOSThread() // a loop that wanders between threads pays for it
			err := l.open()
			done <- err
			end, ok := <-run
			if err != nil || !ok {
				return err
			}
			// At least one answer: nothing a second is no figure, it is a machine that had other things to do.
			return l.until(func() bool { return l.count > 0 && !time.Now().Before(end) })
		})
	}
	if err := opened.Wait(); err != nil {
		close(run)
		return answer{}, errors.Join(err, ran.Wait())
	}
	server, client, start := treeCPU(j.Server), ownCPU(), time.Now()
	for range loaders {
		run <- start.Add(j.Duration)
	}
	err := ran.Wait()
	a := answer{Wall: time.Since(start), Client: ownCPU() - client, Server: treeCPU(j.Server) - server}
	for _, l := range loaders {
		a.Units += l.count
	}
	return a, err
}

type loader struct {
	job
	epoll       int
	first, step int // of all connections, those that are this loop's
	in          []byte
	lines       map[int32]*line
	begun       int   // connections that have had an answer
	count       int64 // answers
	known       int   // http: length of an answer, once one was parsed
}

// open connects and waits for the first answer on each connection.
func (l *loader) open() error {
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for i := l.first; i < l.Connections; i += l.step {
		c := &line{number: i, next: i * len(l.Requests) / l.Connections}
		if err := l.connect(c); err != nil {
			return err
		}
		if err := l.send(c); err != nil {
			return err
		}
	}
	err = l.until(func() bool { return l.begun == len(l.lines) })
	l.count = 0
	return err
}

// connect gives a line its connection. Fresh ones of a line have an address of its own: a server may count against an
// address those that have not logged in.
func (l *loader) connect(c *line) error {
	var err error
	if l.Fresh {
		c.fd, err = dialFrom(l.Address, l.Congestion, [4]byte{127, 1, byte(c.number >> 8), byte(c.number)})
	} else if c.fd, err = dial(l.Address, l.Congestion); err == nil {
		err = greet(c.fd, l.job)
	}
	if err != nil {
		return err
	}
	l.lines[int32(c.fd)] = c
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &event)
}

// again sends the next request, on a new connection if that is what is measured. The old one is reset: it would keep its
// port for a minute, and there are fewer ports than connections in a run.
func (l *loader) again(c *line) error {
	if l.Fresh {
		delete(l.lines, int32(c.fd))
		if err := errors.Join(unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), unix.Close(c.fd)); err != nil {
			return err
		}
		if err := l.connect(c); err != nil {
			return err
		}
	}
	return l.send(c)
}

// line is one connection.
type line struct {
	fd     int
	number int    // among all
	next   int    // request to be sent
	serial uint32 // of a request of ours
	head   []byte // the beginning of an answer that came in pieces
	left   int64  // bytes of the answer still to come
	begun  bool
}

func (l *loader) until(done func() bool) error {
	events := make([]unix.EpollEvent, 256)
	// A server that no longer answers ends the run with an error, not never.
	silence := 10 * time.Second
	for !done() {
		n, err := unix.EpollWait(l.epoll, events, int(silence.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("no answer for %v", silence)
		}
		for i := range n {
			if err := l.read(l.lines[events[i].Fd]); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends the next request. It is short and the socket's buffer empty: it goes at once.
func (l *loader) send(c *line) error {
	request := l.Requests[c.next]
	c.next = (c.next + 1) % len(l.Requests)
	if l.Protocol == "sluice" {
		c.serial++
		binary.BigEndian.PutUint32(request[numberAt:], c.serial)
	}
	return writeAll(c.fd, request)
}

func (l *loader) read(c *line) error {
	n, err := unix.Read(c.fd, l.in)
	if err == unix.EAGAIN || err == unix.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errClosed
	}
	b := l.in[:n]
	if c.left == 0 { // an answer begins
		if len(c.head) > 0 {
			b = append(c.head, b...)
			c.head = nil
		}
		c.left, err = l.length(b)
		if err != nil {
			return err
		}
		if c.left == 0 {
			c.head = append([]byte(nil), b...)
			return nil
		}
	}
	if c.left -= int64(len(b)); c.left < 0 {
		return errors.New("more bytes than were asked for")
	}
	if c.left > 0 {
		return nil
	}
	l.count++
	if !c.begun {
		c.begun = true
		l.begun++
	}
	return l.again(c)
}

// length is that of the whole answer that begins with b, or 0 while it cannot be told.
func (l *loader) length(b []byte) (int64, error) {
	switch l.Protocol {
	case "sluice":
		if len(b) < preludeLen {
			return 0, nil
		}
		header, body, err := parseReply(b)
		return preludeLen + int64(header) + body, err
	case "http":
		return l.httpLength(b)
	}
	return int64(l.Reply), nil
}

// httpLength parses the first answer and takes the others, to requests for files of one size, to be as long.
func (l *loader) httpLength(b []byte) (int64, error) {
	if len(b) >= 10 && !bytes.HasPrefix(b, []byte("HTTP/1.1 2")) {
		return 0, fmt.Errorf("answer %q", b[:min(len(b), 40)])
	}
	if l.known > 0 {
		return int64(l.known), nil
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	const field = "\r\nContent-Length: "
	at := bytes.Index(b, []byte(field))
	if at < 0 || at > end {
		return 0, errors.New("an answer without a length")
	}
	value := b[at+len(field) : end+4]
	n, err := strconv.Atoi(string(value[:bytes.IndexByte(value, '\r')]))
	l.known = end + 4 + n
	return int64(l.known), err
}

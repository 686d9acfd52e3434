package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// load sends requests on many connections at once, one after another on each, and counts the answers: one epoll loop, the
// same for every protocol, so that what differs is the server. The clock starts when every connection has had its first
// answer.
func load(j job, _ func(string)) (answer, error) {
	runtime.LockOSThread()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return answer{}, err
	}
	l := &loader{job: j, in: make([]byte, 256<<10), lines: make(map[int32]*line)}
	for i := range j.Connections {
		fd, err := dial(j.Address, j.Congestion)
		if err != nil {
			return answer{}, err
		}
		if err := greet(fd, j); err != nil {
			return answer{}, err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return answer{}, err
		}
		c := &line{fd: fd, next: i * len(j.Requests) / j.Connections}
		l.lines[int32(fd)] = c
		if err := l.send(c); err != nil {
			return answer{}, err
		}
	}
	if err := l.until(epoll, func() bool { return l.begun == j.Connections }); err != nil {
		return answer{}, err
	}
	l.count = 0
	server, client, start := treeCPU(j.Server), ownCPU(), time.Now()
	end := start.Add(j.Duration)
	err = l.until(epoll, func() bool { return !time.Now().Before(end) })
	return answer{
		Units: l.count, Wall: time.Since(start), Client: ownCPU() - client, Server: treeCPU(j.Server) - server,
	}, err
}

type loader struct {
	job
	in    []byte
	lines map[int32]*line
	begun int   // connections that have had an answer
	count int64 // answers
	known int   // http: length of an answer, once one was parsed
}

// line is one connection.
type line struct {
	fd     int
	next   int    // request to be sent
	number uint32 // of a request of ours
	head   []byte // the beginning of an answer that came in pieces
	left   int64  // bytes of the answer still to come
	begun  bool
}

func (l *loader) until(epoll int, done func() bool) error {
	events := make([]unix.EpollEvent, 256)
	// A server that no longer answers ends the run with an error, not never.
	silence := 10 * time.Second
	for !done() {
		n, err := unix.EpollWait(epoll, events, int(silence.Milliseconds()))
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
		c.number++
		binary.BigEndian.PutUint32(request[numberAt:], c.number)
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
	return l.send(c)
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

package web

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// arrival is a connection that nobody has looked at. It owns fd.
type arrival struct {
	fd         int
	connection uint64
}

// queue is between the loop, which must not block, and http's accepting goroutine.
type queue struct {
	arrivals chan arrival
	closed   chan struct{}
	once     sync.Once
}

// newQueue has room for all connections there may be, so that put never blocks.
func newQueue() *queue {
	return &queue{arrivals: make(chan arrival, 2*maxConnections), closed: make(chan struct{})}
}

func (q *queue) put(a arrival) { q.arrivals <- a }

func (q *queue) close() { q.once.Do(func() { close(q.closed) }) }

// rest is what was left in a closed queue.
func (q *queue) rest() []arrival {
	var all []arrival
	for {
		select {
		case a := <-q.arrivals:
			all = append(all, a)
		default:
			return all
		}
	}
}

// listener makes connections of what is in the queue, for http.
type listener struct{ *Server }

var errNotTCP = errors.New("BUG: not a TCP connection")

// Accept never fails but at the end: a descriptor that cannot be used is closed and passed over.
func (l *listener) Accept() (net.Conn, error) {
	for {
		select {
		case <-l.queue.closed:
			return nil, net.ErrClosed
		case a := <-l.queue.arrivals:
			c, err := connect(a.fd)
			if err != nil {
				l.cfg.Log("warn", "serve a connection of the metrics listener", err)
				l.gone(nil, a.connection)
				continue
			}
			return &conn{TCPConn: c, server: l.Server, connection: a.connection}, nil
		}
	}
}

func (l *listener) Close() error {
	l.queue.close()
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// connect makes a connection of fd, which it takes. net works on a duplicate; the file was never asked for its
// descriptor, which would put the socket into blocking mode.
func connect(fd int) (*net.TCPConn, error) {
	file := os.NewFile(uintptr(fd), "connection")
	if file == nil {
		unix.Close(fd)
		return nil, fmt.Errorf("use descriptor %d: %w", fd, os.ErrInvalid)
	}
	c, err := net.FileConn(file)
	// The duplicate is what counts; closing a socket of which another descriptor is open can report nothing.
	_ = file.Close()
	if err != nil {
		return nil, fmt.Errorf("use a descriptor as a connection: %w", err)
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		c.Close()
		return nil, errNotTCP
	}
	return tcp, nil
}

// conn tells the server of its end, once.
type conn struct {
	*net.TCPConn
	server     *Server
	connection uint64
	once       sync.Once
}

// Close closes the socket, whoever wants that first.
func (c *conn) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(func() { c.server.gone(c, c.connection) })
	return err
}

package ask

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxQuestion is the longest question, in bytes.
	MaxQuestion = 64 << 10
	// Exchange is how long a question and its answer may take to travel.
	Exchange = 10 * time.Second

	maxAtOnce = 16 // a forgotten client must not use up the server's descriptors
)

// Server answers on the socket until Close.
type Server struct {
	listener net.Listener
	answer   func(question []byte) []byte
	path     string
	slots    chan struct{}
	running  sync.WaitGroup
	left     bool // another process answers on the socket now
}

// Serve binds the socket at path, replacing one a dead server left: the caller holds a
// lock that says there is no other. answer is called from several goroutines; what it gets
// is nil if no whole line came.
func Serve(path string, answer func(question []byte) []byte) (*Server, error) {
	address, done, err := socketAddress(path)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	listener, err := listen(address)
	if err != nil {
		return nil, fmt.Errorf("bind the socket %s: %w", path, err)
	}
	return newServer(listener, path, answer), nil
}

func newServer(listener net.Listener, path string, answer func(question []byte) []byte) *Server {
	s := &Server{listener: listener, answer: answer, path: path, slots: make(chan struct{}, maxAtOnce)}
	s.running.Add(1)
	go s.accept()
	return s
}

// Adopt answers on a socket another process has bound at path, and takes ownership of fd,
// which is its listener. Questions that wait in it are answered too.
func Adopt(fd int, path string, answer func(question []byte) []byte) (*Server, error) {
	file := os.NewFile(uintptr(fd), path)
	if file == nil {
		return nil, fmt.Errorf("adopt the socket: no descriptor")
	}
	defer file.Close() // FileListener makes a copy
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("adopt the socket: %w", err)
	}
	return newServer(listener, path, answer), nil
}

// Duplicate is a copy of the listening descriptor, for who is to Adopt it. The caller owns it.
func (s *Server) Duplicate() (int, error) {
	raw, err := s.listener.(*net.UnixListener).SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("copy the socket: %w", err)
	}
	fd, failed := -1, error(nil)
	err = raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = failed
	}
	if err != nil {
		return -1, fmt.Errorf("copy the socket: %w", err)
	}
	return fd, nil
}

// Leave stops taking questions and leaves the socket to who has adopted it. Those that are
// being answered still are; Close waits for them.
func (s *Server) Leave() {
	s.left = true
	// A listener can only fail to close by being closed already.
	_ = s.listener.Close()
}

// listen binds with mode 0600 from the first moment: the kernel takes the mode of
// the new name from the socket's own inode.
func listen(address string) (net.Listener, error) {
	var config net.ListenConfig
	config.Control = func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) }); err != nil {
			return err
		}
		return failed
	}
	listener, err := config.Listen(context.Background(), "unix", address)
	if err != nil {
		return nil, err
	}
	// The address may be a spelling that is gone by then; Close removes the name.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	return listener, nil
}

func (s *Server) accept() {
	defer s.running.Done()
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// No descriptors, most likely; the administrator's client waits.
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.slots <- struct{}{}
		s.running.Add(1)
		go func() {
			defer s.running.Done()
			defer func() { <-s.slots }()
			s.serve(conn)
		}()
	}
}

// serve answers one connection and closes it.
func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(Exchange)); err != nil {
		return
	}
	question, err := readLine(conn)
	if err != nil {
		question = nil
	}
	line := s.answer(question)
	if err := conn.SetWriteDeadline(time.Now().Add(Exchange)); err != nil {
		return
	}
	// The only reason for a failure is a client that has gone.
	_, _ = conn.Write(append(line, '\n'))
}

func readLine(r io.Reader) ([]byte, error) {
	return bufio.NewReader(io.LimitReader(r, MaxQuestion)).ReadBytes('\n')
}

// Close stops answering, ends what is open and removes the socket.
func (s *Server) Close() error {
	if s.left {
		s.running.Wait()
		return nil
	}
	err := s.listener.Close()
	if gone := os.Remove(s.path); gone != nil && !errors.Is(gone, os.ErrNotExist) && err == nil {
		err = gone
	}
	s.running.Wait()
	if err != nil {
		return fmt.Errorf("close the socket: %w", err)
	}
	return nil
}

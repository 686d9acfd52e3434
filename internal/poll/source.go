package poll

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Token names one registration of a descriptor. It is never reused, and never 0.
type Token uint64

type source struct {
	fd   int
	want Interest
	f    func(Ready)
}

// Add registers fd, which stays the caller's: Remove comes before it is closed. f is called on the loop.
func (l *Loop) Add(fd int, want Interest, f func(Ready)) (Token, error) {
	l.last++
	t := l.last
	s := &source{fd: fd, f: f}
	l.sources[t] = s
	if err := l.set(t, s, want); err != nil {
		delete(l.sources, t)
		return 0, err
	}
	return t, nil
}

// Want changes what t is waited for. It costs a system call only when that changes.
func (l *Loop) Want(t Token, want Interest) error {
	s := l.sources[t]
	if s == nil {
		return fmt.Errorf("BUG: interest for token %d, which is not registered", t)
	}
	return l.set(t, s, want)
}

func (l *Loop) set(t Token, s *source, want Interest) error {
	if want == s.want {
		return nil
	}
	op := unix.EPOLL_CTL_MOD
	switch None {
	case s.want:
		op = unix.EPOLL_CTL_ADD
	case want:
		op = unix.EPOLL_CTL_DEL
	}
	event := unix.EpollEvent{Events: want.events(), Fd: int32(t), Pad: int32(t >> 32)}
	if err := unix.EpollCtl(l.epoll, op, s.fd, &event); err != nil {
		return fmt.Errorf("change interest in descriptor %d: %w", s.fd, err)
	}
	s.want = want
	return nil
}

// Remove ends the registration of t. Events of it that were fetched already are dropped. Removing twice does nothing.
func (l *Loop) Remove(t Token) {
	s := l.sources[t]
	if s == nil {
		return
	}
	delete(l.sources, t)
	if s.want != None {
		// It fails only if the owner has closed the descriptor already; then the kernel has removed it.
		_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, s.fd, nil)
	}
}

// Forget is Remove for a descriptor that its owner closes next: that takes it out of the set by itself, and saves a call.
// While another process has a copy, events may still come; they are dropped.
func (l *Loop) Forget(t Token) { delete(l.sources, t) }

func (l *Loop) dispatch(event *unix.EpollEvent) {
	t := Token(uint32(event.Fd)) | Token(uint32(event.Pad))<<32
	if t == 0 {
		l.readWake()
		return
	}
	s := l.sources[t]
	if s == nil || s.want == None {
		return // removed, or taken out of the set, earlier in this batch
	}
	if l.OnPanic != nil {
		defer func() {
			if r := recover(); r != nil {
				l.OnPanic(t, r)
			}
		}()
	}
	s.f(ready(event.Events))
}

package bench

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// floorEcho answers requests of one size with replies of one size by a bare epoll loop, or several: from memory, or from
// a file whose pages are in the cache. It keeps no timers, looks at no byte, and knows no error.
func floorEcho(j job, ready func(string)) (answer, error) {
	listener, address, err := listen(j.Congestion)
	if err != nil {
		return answer{}, err
	}
	e := echo{request: j.Request, reply: make([]byte, j.Reply), file: -1, listener: -1}
	if j.File != "" {
		f, err := os.Open(j.File)
		if err != nil {
			return answer{}, err
		}
		defer f.Close()
		e.file, e.body = descriptor(f), int(j.Size)
	}
	loops := make([]int, j.Loops)
	for i := range loops {
		if loops[i], err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return answer{}, err
		}
		go e.loop(loops[i])
	}
	ready(address)
	for i := 0; ; i++ {
		fd, err := accept(listener)
		if err != nil {
			return answer{}, err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(loops[i%len(loops)], unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return answer{}, err
		}
	}
}

type echo struct {
	request  int
	reply    []byte
	file     int // -1: replies come from memory
	listener int // -1: connections are brought to the loop
	body     int // how much of a reply is read from the file, at its end
}

func (e echo) loop(epoll int) {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 256)
	in := make([]byte, 64<<10)
	out := append([]byte(nil), e.reply...)
	have := map[int32]int{} // of a request that came in pieces
	for {
		n, err := unix.EpollWait(epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for i := range max(n, 0) {
			fd := events[i].Fd
			if int(fd) == e.listener {
				e.take(epoll)
				continue
			}
			got, err := unix.Read(int(fd), in)
			if err == unix.EAGAIN || err == unix.EINTR {
				continue
			}
			if err != nil || got == 0 {
				delete(have, fd)
				unix.Close(int(fd))
				continue
			}
			all := have[fd] + got
			for ; all >= e.request; all -= e.request {
				if e.file >= 0 {
					_, _ = unix.Pread(e.file, out[len(out)-e.body:], 0)
				}
				if writeAll(int(fd), out) != nil {
					break
				}
			}
			if all > 0 {
				have[fd] = all
			} else if len(have) > 0 {
				delete(have, fd)
			}
		}
	}
}

// take accepts a connection, if no other loop has been faster.
func (e echo) take(epoll int) {
	fd, err := accept(e.listener)
	if err != nil {
		return
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event) != nil {
		unix.Close(fd)
	}
}

// floorAccept is the echo whose loops accept for themselves: what a new connection costs without a parent that hands it
// over.
func floorAccept(j job, ready func(string)) (answer, error) {
	listener, address, err := listen(j.Congestion)
	if err != nil {
		return answer{}, err
	}
	if err := unix.SetNonblock(listener, true); err != nil {
		return answer{}, err
	}
	e := echo{request: j.Request, reply: make([]byte, j.Reply), file: -1, listener: listener}
	for range j.Loops {
		epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return answer{}, err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLEXCLUSIVE, Fd: int32(listener)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, listener, &event); err != nil {
			return answer{}, err
		}
		go e.loop(epoll)
	}
	ready(address)
	select {}
}

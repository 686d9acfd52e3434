package poll

import "golang.org/x/sys/unix"

// Interest says what a descriptor is waited for. Read and Write may be combined.
type Interest uint8

// The interests. Hang-ups in both directions and errors are reported with every one of them but None.
const (
	None   Interest = 0      // out of the set entirely
	HangUp Interest = 1 << 0 // that the peer will send no more, or is gone
	Read   Interest = 1 << 1 // bytes to read, or their end
	Write  Interest = 1 << 2 // room to write
)

func (i Interest) events() uint32 {
	var e uint32
	if i&(HangUp|Read) != 0 {
		e |= unix.EPOLLRDHUP
	}
	if i&Read != 0 {
		e |= unix.EPOLLIN
	}
	if i&Write != 0 {
		e |= unix.EPOLLOUT
	}
	return e
}

// Ready says what has happened to a descriptor; several at once are usual.
type Ready uint8

const (
	Readable Ready = 1 << 0
	Writable Ready = 1 << 1
	HungUp   Ready = 1 << 2 // the peer will send no more; unread bytes may still be there
	Failed   Ready = 1 << 3 // both directions are shut down, or an error waits
)

func ready(e uint32) Ready {
	var r Ready
	if e&unix.EPOLLIN != 0 {
		r |= Readable
	}
	if e&unix.EPOLLOUT != 0 {
		r |= Writable
	}
	if e&unix.EPOLLRDHUP != 0 {
		r |= HungUp
	}
	if e&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= Failed
	}
	return r
}

package handoff

import (
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// packetsAtOnce is how many packets one system call sends or fetches. packetMost is how many messages without descriptors
// go into one packet.
const (
	packetsAtOnce = 16
	packetMost    = packetsAtOnce // so that the outbox holds either
)

// header is what sendmmsg and recvmmsg take for each packet; x/sys has none.
type header struct {
	unix.Msghdr
	length uint32 // of the packet, as the kernel tells
}

// control has room for exactly one descriptor, and to spare for the alignment of what follows: Controllen says 20 bytes, not
// the 24 of CmsgSpace, which two descriptors would fit in.
type control struct {
	unix.Cmsghdr
	fd int32
}

var controlLength = unix.CmsgLen(4)

// outbox is where packets to be sent are put together.
type outbox struct {
	headers  [packetsAtOnce]header
	iovecs   [packetsAtOnce]unix.Iovec
	controls [packetsAtOnce]control
	bytes    [packetMost * Length]byte
}

// packet makes packet i of messages and a copy of fd, unless it is negative. The bytes of message n of it stand where packet
// i+n would have its own.
func (o *outbox) packet(i, fd int, all ...Message) {
	for n, m := range all {
		m.put(o.bytes[(i+n)*Length:][:Length])
	}
	o.iovecs[i].Base = &o.bytes[i*Length]
	o.iovecs[i].SetLen(len(all) * Length)
	h := &o.headers[i]
	*h = header{}
	h.Iov = &o.iovecs[i]
	h.SetIovlen(1)
	if fd < 0 {
		return
	}
	o.controls[i] = control{Cmsghdr: unix.Cmsghdr{Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}, fd: int32(fd)}
	o.controls[i].SetLen(controlLength)
	h.Control = (*byte)(unsafe.Pointer(&o.controls[i]))
	h.SetControllen(controlLength)
}

// send sends the first packets. unix.SendmsgN would allocate for each.
func (o *outbox) send(to, packets int) (sent int, err unix.Errno) {
	n, _, err := unix.RawSyscall6( // lint:allow MSG_DONTWAIT
		unix.SYS_SENDMMSG, uintptr(to), uintptr(unsafe.Pointer(&o.headers[0])), uintptr(packets),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), err
}

// inbox is what was fetched and not received.
type inbox struct {
	headers  [packetsAtOnce]header
	iovecs   [packetsAtOnce]unix.Iovec
	controls [packetsAtOnce]control
	bytes    [packetsAtOnce][packetMost*Length + 1]byte // one more, to notice a packet that is too long

	have int  // packets
	next int  // the first that is not received
	at   int  // where in it, if it has several messages
	more bool // there may be more of them in the kernel
}

// fetch asks for as many packets as there is room for.
func (in *inbox) fetch(from int) unix.Errno {
	for i := range in.have {
		in.headers[i] = header{}
	}
	in.have, in.next, in.at, in.more = 0, 0, 0, false
	for i := range in.headers {
		h := &in.headers[i]
		if h.Iov == nil {
			in.iovecs[i].Base = &in.bytes[i][0]
			in.iovecs[i].SetLen(len(in.bytes[i]))
			h.Iov = &in.iovecs[i]
			h.SetIovlen(1)
			h.Control = (*byte)(unsafe.Pointer(&in.controls[i]))
			h.SetControllen(controlLength)
		}
	}
	n, _, err := unix.RawSyscall6( // lint:allow MSG_DONTWAIT
		unix.SYS_RECVMMSG, uintptr(from), uintptr(unsafe.Pointer(&in.headers[0])), packetsAtOnce,
		unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC, 0, 0)
	if err != 0 {
		return err
	}
	in.have = int(n)
	in.more = in.have == packetsAtOnce
	return 0
}

// take takes the next message of what was fetched.
func (in *inbox) take() (Message, int, error) {
	i := in.next
	h := &in.headers[i]
	length, cut := int(h.length), h.Flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0
	if in.at == 0 {
		fd, err := in.descriptor(i)
		if err == nil && fd < 0 && length == 0 {
			in.drop()
			return Message{}, -1, io.EOF
		}
		several := length > Length && length <= packetMost*Length && length%Length == 0
		if err != nil || fd >= 0 || cut || !several {
			in.next++
			if err != nil {
				return Message{}, -1, err
			}
			return single(in.bytes[i][:length], fd, int(h.Flags))
		}
	}
	m, err := parse(in.bytes[i][in.at:][:Length])
	if in.at += Length; in.at == length {
		in.next, in.at = in.next+1, 0
	}
	if carries, _ := m.Kind.carries(); err == nil && carries {
		err = fmt.Errorf("%w: kind %d among others", ErrMalformed, m.Kind)
	}
	if err != nil {
		return Message{}, -1, err
	}
	return m, -1, nil
}

// single checks a packet that is to be one message. It owns fd, -1 for none.
func single(b []byte, fd, flags int) (Message, int, error) {
	m, err := parse(b)
	carries, _ := m.Kind.carries()
	switch {
	case err != nil:
	case carries && fd < 0 && flags&unix.MSG_CTRUNC != 0:
		return m, -1, ErrLost
	case flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0:
		err = fmt.Errorf("%w: more than was expected", ErrMalformed)
	case carries != (fd >= 0):
		err = fmt.Errorf("%w: kind %d, descriptor %t", ErrMalformed, m.Kind, fd >= 0)
	default:
		return m, fd, nil
	}
	if fd >= 0 {
		unix.Close(fd)
	}
	return Message{}, -1, err
}

// descriptor is the one that came with a packet, or -1. There is room for one control message with one descriptor only;
// what the kernel has cut off it has not opened.
func (in *inbox) descriptor(i int) (int, error) {
	c := &in.controls[i]
	switch {
	case in.headers[i].Controllen == 0:
		return -1, nil
	case int(in.headers[i].Controllen) == controlLength && int(c.Len) == controlLength && c.Level == unix.SOL_SOCKET && c.Type == unix.SCM_RIGHTS:
		return int(c.fd), nil
	}
	return -1, fmt.Errorf("%w: control bytes of type %d", ErrMalformed, c.Type)
}

// drop closes the descriptors of what was not received, and forgets it.
func (in *inbox) drop() {
	for i := in.next; i < in.have; i++ {
		if fd, err := in.descriptor(i); err == nil && fd >= 0 && in.at == 0 {
			unix.Close(fd)
		}
		in.at = 0
	}
	in.next, in.more = in.have, false
}

package torture

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// recorder is a disk in memory that remembers, in order, what was written to it and when it was told to keep it: a file in a
// FUSE file system of one file, behind a loop device. What a real disk may hold after a power cut is made from the record.
// It can also fail.
type recorder struct {
	*round
	mount string
	fd    int // of /dev/fuse; owned by serve

	mu     sync.Mutex
	image  []byte
	log    []record
	bad    func(offset int64, data []byte) bool // writes that fail; nil: none
	spoilt int                                  // how many did
	served chan struct{}
}

// record is a write, or without data a flush.
type record struct {
	offset int64
	data   []byte
}

// The numbers and lengths of the kernel's FUSE protocol that one file needs (include/uapi/linux/fuse.h).
const (
	fuseLookup, fuseForget, fuseGetattr, fuseSetattr = 1, 2, 3, 4
	fuseOpen, fuseRead, fuseWrite, fuseStatfs        = 14, 15, 16, 17
	fuseRelease, fuseFsync, fuseFlush, fuseInit      = 18, 20, 25, 26
	fuseInterrupt, fuseBatchForget                   = 36, 42

	fuseIn, fuseOut = 40, 16 // headers
	fuseRoot        = 1
	fuseDisk        = 2
	fuseMost        = 1 << 20 // bytes of a write
)

// newRecorder mounts the file system; its file is what path gives.
func (r *round) newRecorder(size int64) *recorder {
	r.Helper()
	if os.Geteuid() != 0 {
		r.Skip("needs root, for FUSE and loop devices")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		r.Skipf("needs /dev/fuse: %v", err)
	}
	d := &recorder{round: r, mount: r.path("record"), fd: fd, image: make([]byte, size), served: make(chan struct{})}
	r.must(os.MkdirAll(d.mount, 0o755))
	if err := unix.Mount("sluice", d.mount, "fuse", unix.MS_NODEV|unix.MS_NOSUID, fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0", fd)); err != nil {
		unix.Close(fd)
		r.Skipf("no FUSE here: %v", err)
	}
	go d.serve()
	r.Cleanup(func() {
		unix.Unmount(d.mount, unix.MNT_DETACH)
		<-d.served
	})
	return d
}

func (d *recorder) file() string { return filepath.Join(d.mount, "disk") }

// serve answers the kernel until the file system is unmounted.
func (d *recorder) serve() {
	defer close(d.served)
	defer unix.Close(d.fd)
	request := make([]byte, fuseMost+4096)
	for {
		n, err := unix.Read(d.fd, request)
		if err == unix.EINTR || err == unix.ENOENT || err == unix.EAGAIN {
			continue
		}
		if err != nil || n < fuseIn {
			return // unmounted
		}
		answer, errno, silent := d.answer(binary.NativeEndian.Uint32(request[4:]), binary.NativeEndian.Uint64(request[16:]), request[fuseIn:n])
		if silent {
			continue
		}
		reply := make([]byte, fuseOut, fuseOut+len(answer))
		binary.NativeEndian.PutUint32(reply, uint32(fuseOut+len(answer)))
		binary.NativeEndian.PutUint32(reply[4:], uint32(-int32(errno)))
		copy(reply[8:], request[8:16]) // the request's number
		// An error means that nobody waits for this answer any more.
		unix.Write(d.fd, append(reply, answer...))
	}
}

// answer carries out one request.
func (d *recorder) answer(op uint32, node uint64, in []byte) (out []byte, errno unix.Errno, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	words := func(values ...uint64) []byte {
		var b []byte
		for _, v := range values {
			b = binary.NativeEndian.AppendUint64(b, v)
		}
		return b
	}
	const forLong = 1 << 30 // seconds
	switch op {
	case fuseInit:
		const bigWrites, maxPages = 1 << 5, 1 << 22
		out = make([]byte, 64)
		for i, v := range []uint32{7, 31, 1 << 17, bigWrites | maxPages, 0, fuseMost, 1, fuseMost / 4096} {
			binary.NativeEndian.PutUint32(out[4*i:], v)
		}
		return out, 0, false
	case fuseLookup:
		if node != fuseRoot || string(in) != "disk\x00" {
			return nil, unix.ENOENT, false
		}
		return append(words(fuseDisk, 1, forLong, forLong, 0), d.attributes(fuseDisk)...), 0, false
	case fuseGetattr, fuseSetattr:
		return append(words(forLong, 0), d.attributes(node)...), 0, false
	case fuseOpen:
		const directIO = 1
		return words(0, directIO), 0, false
	case fuseRead:
		offset, size := int64(binary.NativeEndian.Uint64(in[8:])), int64(binary.NativeEndian.Uint32(in[16:]))
		offset = min(offset, int64(len(d.image)))
		return d.image[offset:min(offset+size, int64(len(d.image)))], 0, false
	case fuseWrite:
		offset, size := int64(binary.NativeEndian.Uint64(in[8:])), int(binary.NativeEndian.Uint32(in[16:]))
		data := append([]byte(nil), in[40:40+size]...)
		if d.bad != nil && d.bad(offset, data) {
			d.spoilt++
			return nil, unix.EIO, false
		}
		if offset+int64(size) > int64(len(d.image)) {
			return nil, unix.ENOSPC, false
		}
		copy(d.image[offset:], data)
		d.log = append(d.log, record{offset, data})
		return words(uint64(size)), 0, false
	case fuseFsync:
		d.log = append(d.log, record{})
		return nil, 0, false
	case fuseFlush, fuseRelease:
		return nil, 0, false
	case fuseStatfs:
		return make([]byte, 80), 0, false
	case fuseForget, fuseBatchForget, fuseInterrupt:
		return nil, 0, true
	}
	return nil, unix.ENOSYS, false
}

// attributes are struct fuse_attr of the root or of the disk.
func (d *recorder) attributes(node uint64) []byte {
	b := make([]byte, 88)
	mode, size := uint32(unix.S_IFDIR|0o755), uint64(0)
	if node == fuseDisk {
		mode, size = unix.S_IFREG|0o600, uint64(len(d.image))
	}
	binary.NativeEndian.PutUint64(b, node)
	binary.NativeEndian.PutUint64(b[8:], size)
	binary.NativeEndian.PutUint64(b[16:], size/512)
	binary.NativeEndian.PutUint32(b[60:], mode)
	binary.NativeEndian.PutUint32(b[64:], 1) // links
	binary.NativeEndian.PutUint32(b[80:], 4096)
	return b
}

// at is how long the record is.
func (d *recorder) at() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.log)
}

// forget begins the record anew, and gives a copy of what is on the disk.
func (d *recorder) forget() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = nil
	return append([]byte(nil), d.image...)
}

// recorded gives the record so far.
func (d *recorder) recorded() []record {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log[:len(d.log):len(d.log)]
}

// spoil makes some writes fail from now on; nil: none.
func (d *recorder) spoil(bad func(offset int64, data []byte) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bad, d.spoilt = bad, 0
}

// spoiled is how many writes have failed.
func (d *recorder) spoiled() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spoilt
}

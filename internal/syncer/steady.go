package syncer

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// errUnsteady is a file that changed every time it was read.
var errUnsteady = errors.New("it keeps changing while it is read: run the same command again when it is quiet")

// errGrown is a file that no longer fits where its size said it would.
var errGrown = errors.New("file grew")

// steadyTries is how often a file that changes while it is read is read again, with a pause that doubles from 5 ms.
const steadyTries = 6

// readSteady reads the file n into the free capacity of buf, so that what is returned stood in the file at one moment:
// the facts after the reading are those before it. n takes the facts of what was read. A file longer than the free
// capacity is errGrown, and n has its new size.
func readSteady(at *beneath, rel string, n *Node, buf []byte) ([]byte, error) {
	fd, err := at.open(rel, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	before := facts{n.Size, n.Mtime, n.Ctime, n.Ino}
	free := buf[len(buf):cap(buf)]
	pause := 5 * time.Millisecond
	for try := 0; ; try++ {
		got := 0
		if before.size <= int64(len(free)) {
			if got, err = preadFull(fd, free[:before.size]); err != nil {
				return nil, err
			}
		}
		var st unix.Stat_t
		if err := fstat(fd, &st); err != nil {
			return nil, err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			return nil, errors.New("it is no longer a file")
		}
		after := facts{st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino}
		n.Size, n.Mtime, n.Ctime, n.Ino, n.Mode = after.size, after.mtime, after.ctime, after.ino, uint32(st.Mode)&0o777
		n.Kind = proto.KindFile
		if after.size > int64(len(free)) {
			return nil, errGrown
		}
		if after == before && int64(got) == after.size {
			return free[:got], nil
		}
		if try == steadyTries {
			return nil, errUnsteady
		}
		if try > 0 { // the first difference is most often one that came between scan and reading
			time.Sleep(pause)
			pause *= 2
		}
		before = after
	}
}

// facts tell whether a file changed.
type facts struct {
	size, mtime, ctime int64
	ino                uint64
}

// preadFull reads from the start of the file until b is full or the file ends.
func preadFull(fd int, b []byte) (int, error) {
	got := 0
	for got < len(b) {
		n, err := retry(func() (int, error) { return unix.Pread(fd, b[got:], int64(got)) })
		if err != nil {
			return got, fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			break
		}
		got += n
	}
	return got, nil
}

func fstat(fd int, st *unix.Stat_t) error {
	_, err := retry(func() (int, error) { return 0, unix.Fstat(fd, st) })
	return err
}

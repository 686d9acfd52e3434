package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/hash"
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
	before := factsIn(n)
	free := buf[len(buf):cap(buf)]
	pause := 5 * time.Millisecond
	for try := 0; ; try++ {
		got := 0
		if before.size <= int64(len(free)) {
			if got, err = preadFull(fd, free[:before.size]); err != nil {
				return nil, err
			}
		}
		if err := lookAt(fd, n); err != nil {
			return nil, err
		}
		after := factsIn(n)
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
	born               int64
}

func factsIn(n *Node) facts { return facts{n.Size, n.Mtime, n.Ctime, n.Ino, n.Born} }

// errNoFile is something that is no file, where one was.
var errNoFile = errors.New("it is no longer a file")

// lookAt takes the facts of an open file.
func lookAt(fd int, n *Node) error {
	var st unix.Statx_t
	if err := statAt(fd, &dot[0], unix.AT_EMPTY_PATH, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errNoFile
	}
	fill(n, &st)
	return nil
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

// localHash reads a local file to hash it; one that fits into the capacity of buf at once. n takes the facts of what was read.
func localHash(ctx context.Context, at *beneath, rel string, n *Node, buf []byte) (client.Hash, error) {
	if n.Size <= int64(cap(buf)) {
		b, err := readSteady(at, rel, n, buf[:0])
		if err == nil {
			return hash.Sum(b), nil
		}
		if !errors.Is(err, errGrown) {
			return client.Hash{}, err
		}
	}
	f, err := openRegular(at, rel)
	if err != nil {
		return client.Hash{}, err
	}
	defer f.Close()
	for range 3 {
		if err := refresh(f, n); err != nil {
			return client.Hash{}, err
		}
		before := factsIn(n)
		sum, _, err := hash.SumReader(&contextFile{ctx: ctx, f: f})
		if err != nil {
			return client.Hash{}, err
		}
		if err := refresh(f, n); err != nil {
			return client.Hash{}, err
		}
		if before == factsIn(n) {
			return sum, nil
		}
	}
	return client.Hash{}, errUnsteady
}

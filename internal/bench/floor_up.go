package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
	"sluice/internal/splice"
)

// A message of the upload floor: index and length, 8 bytes each, and 32 bytes of value; for a chunk its bytes follow. It
// is answered by one byte.
const (
	upHead = 48
	upOpen = -1 // length: of the whole
	upSeal = -2 // value: the hash of the whole
)

type upMessage struct {
	index, length int64
	value         [32]byte
}

func (m upMessage) bytes() []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(m.index))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.length))
	return append(b, m.value[:]...)
}

func readUp(fd int) (m upMessage, err error) {
	var b [upHead]byte
	if err := readAll(fd, b[:]); err != nil {
		return m, err
	}
	m.index = int64(binary.LittleEndian.Uint64(b[:]))
	m.length = int64(binary.LittleEndian.Uint64(b[8:]))
	copy(m.value[:], b[16:])
	return m, nil
}

// upServer is the least that takes an upload as the product does: space reserved, chunks spliced, each read once off the
// connection's thread to be verified while the next arrives, and synced; at the end the whole is verified from the
// chunks' values and synced with its folder.
type upServer struct {
	dir  string
	pool *splice.Pool

	mu     sync.Mutex
	count  int
	file   *os.File // the upload under way: one at a time
	size   int64
	values [][32]byte
}

func floorUp(j job, ready func(string)) (answer, error) {
	listener, address, err := listen(j.Congestion)
	if err != nil {
		return answer{}, err
	}
	s := &upServer{dir: j.Dir, pool: splice.NewPool(64<<20, pipeSize)}
	ready(address)
	for {
		fd, err := accept(listener)
		if err != nil {
			return answer{}, err
		}
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			defer unix.Close(fd)
			if err := s.serve(fd); err != nil && !errors.Is(err, errClosed) {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
}

func (s *upServer) serve(fd int) error {
	behind := make(chan error, 1) // the check of the chunk before
	behind <- nil
	for {
		m, err := readUp(fd)
		if err != nil {
			return errors.Join(err, <-behind)
		}
		if m.index >= 0 {
			f := s.current()
			if err := receiveRange(s.pool, fd, descriptor(f), m.index*hash.ChunkSize, m.length); err != nil {
				return err
			}
			if err := <-behind; err != nil {
				return err
			}
			go func() { behind <- s.check(fd, f, m) }()
			continue
		}
		if err := <-behind; err != nil {
			return err
		}
		behind <- nil
		switch m.index {
		case upOpen:
			err = s.open(m.length)
		case upSeal:
			err = s.seal(m.value)
		}
		if err := errors.Join(err, writeAll(fd, []byte{1})); err != nil {
			return err
		}
	}
}

func (s *upServer) current() *os.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file
}

func (s *upServer) open(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	f, err := os.Create(filepath.Join(s.dir, fmt.Sprint(s.count)))
	if err != nil {
		return err
	}
	if err := unix.Fallocate(descriptor(f), 0, 0, size); err != nil {
		return err
	}
	s.file, s.size = f, size
	s.values = make([][32]byte, (size+hash.ChunkSize-1)/hash.ChunkSize)
	return nil
}

// check verifies and syncs a chunk, then answers.
func (s *upServer) check(fd int, f *os.File, m upMessage) error {
	off := m.index * hash.ChunkSize
	// The disk works while the chunk is hashed.
	if err := unix.SyncFileRange(descriptor(f), off, m.length, unix.SYNC_FILE_RANGE_WRITE); err != nil {
		return err
	}
	value, err := chunkValue(f, m.index, m.length)
	if err != nil {
		return err
	}
	if value != m.value {
		return fmt.Errorf("chunk %d differs", m.index)
	}
	if err := unix.Fdatasync(descriptor(f)); err != nil {
		return err
	}
	s.mu.Lock()
	s.values[m.index] = value
	s.mu.Unlock()
	return writeAll(fd, []byte{1})
}

func (s *upServer) seal(want [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hash.Root(s.values, s.size) != want {
		return errors.New("the whole differs")
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return errors.Join(unix.Fdatasync(descriptor(s.file)), dir.Sync(), s.file.Close())
}

// chunkValue reads a chunk once and hashes it.
func chunkValue(f *os.File, index, length int64) ([32]byte, error) {
	c := hash.NewChunk(index)
	b := make([]byte, 256<<10)
	for off, end := index*hash.ChunkSize, index*hash.ChunkSize+length; off < end; {
		n, err := f.ReadAt(b[:min(int64(len(b)), end-off)], off)
		if err != nil {
			return [32]byte{}, err
		}
		c.Write(b[:n])
		off += int64(n)
	}
	return c.Value(), nil
}

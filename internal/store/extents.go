package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Extent is a range of a content.
type Extent struct{ Offset, Length int64 }

// Extents tells where a content has data from an offset on, at most so many ranges, and up to where it tells: the end, or
// less. What a file system cannot tell is data.
func (s *Store) Extents(w Who, hash [32]byte, from int64, most int) (size, end int64, data []Extent, err error) {
	l, err := s.Find(w, hash)
	if err != nil {
		return 0, 0, nil, err
	}
	if from >= l.Size {
		return l.Size, l.Size, nil, nil
	}
	if l.file.segment { // small, and its neighbours are not its own
		return l.Size, l.Size, []Extent{{from, l.Size - from}}, nil
	}
	f, err := l.Open()
	if err != nil {
		return 0, 0, nil, err
	}
	defer f.Release()
	data, end, err = dataIn(f.FD(), from, l.Size, most)
	return l.Size, end, data, err
}

// dataIn finds the data of a file between two offsets, at most so many ranges. It moves the descriptor's own offset, which
// nobody uses.
func dataIn(fd int, from, to int64, most int) (data []Extent, end int64, err error) {
	for at := from; at < to; {
		if len(data) == most {
			return data, at, nil
		}
		begin, err := seek(fd, at, unix.SEEK_DATA)
		if err == unix.ENXIO || err == nil && begin >= to {
			break
		}
		if err == unix.EINVAL { // a file system that does not know
			return append(data, Extent{at, to - at}), to, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("look for data: %w", err)
		}
		if at, err = seek(fd, begin, unix.SEEK_HOLE); err != nil {
			return nil, 0, fmt.Errorf("look for a hole: %w", err)
		}
		at = min(at, to)
		data = append(data, Extent{begin, at - begin})
	}
	return data, to, nil
}

func seek(fd int, at int64, whence int) (found int64, err error) {
	err = again(func() error {
		found, err = unix.Seek(fd, at, whence)
		return err
	})
	return found, err
}

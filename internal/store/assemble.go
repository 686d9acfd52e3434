package store

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
	"sluice/internal/mapped"
)

// Range is a part of a chunk that is put together here.
type Range struct {
	Kind   RangeKind
	Length int64
	From   int   // copied: index of the contents
	Offset int64 // copied: in that content
}

// RangeKind says where a range's bytes come from.
type RangeKind uint8

const (
	Copied  RangeKind = iota // out of a content the account holds
	Literal                  // out of the body, in order
	Zero
)

// Assembly is a chunk on its way in that is put together of ranges. Exactly one of Finish and Abort ends it.
type Assembly struct {
	chunk  *Chunk
	ranges []Range
	from   []*File // owned
}

// AssembleBegin checks all that is said of a chunk, and then claims its range as ChunkBegin does. Nothing is written before
// all is found to be right: contents held, ranges within them, lengths that make exactly the chunk.
func (s *Store) AssembleBegin(w Who, upload, index int64, value [32]byte, from [][32]byte, ranges []Range) (*Assembly, error) {
	length, err := s.checkRanges(w, from, ranges)
	if err != nil {
		return nil, err
	}
	chunk, err := s.beginChunk(w, upload, index, length, value, true)
	if err != nil {
		return nil, err
	}
	a := &Assembly{chunk: chunk, ranges: ranges}
	if chunk.Present() {
		return a, nil
	}
	for i := range from {
		f, err := s.openHeld(w, from[i])
		if err != nil {
			a.Abort()
			return nil, err
		}
		a.from = append(a.from, f)
	}
	if err := s.step("assembly begun"); err != nil {
		a.Abort()
		return nil, err
	}
	return a, nil
}

// checkRanges adds up the length of ranges that lie within contents the account holds.
func (s *Store) checkRanges(w Who, from [][32]byte, ranges []Range) (length int64, err error) {
	sizes := make([]int64, len(from))
	err = s.read(func(tx *db.Tx) error {
		for i := range from {
			c, err := resolve(tx, w, from[i])
			if err != nil {
				return notSpoiled(err)
			}
			sizes[i] = c.Size
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i, r := range ranges {
		if r.Length <= 0 || r.Length > ChunkSize-length || r.Kind > Zero {
			return 0, fmt.Errorf("%w: range %d of %d bytes after %d", ErrRange, i, r.Length, length)
		}
		length += r.Length
		if r.Kind != Copied {
			continue
		}
		if r.From < 0 || r.From >= len(from) || r.Offset < 0 || r.Length > sizes[r.From] || r.Offset > sizes[r.From]-r.Length {
			return 0, fmt.Errorf("%w: range %d lies past the end of its content", ErrRange, i)
		}
	}
	return length, nil
}

// openHeld opens a content that the account holds.
func (s *Store) openHeld(w Who, hash [32]byte) (*File, error) {
	l, err := s.Find(w, hash)
	if err != nil {
		return nil, notSpoiled(err)
	}
	return l.Open()
}

// Present tells that the chunk is there already: the body is read to nothing.
func (a *Assembly) Present() bool { return a.chunk.Present() }

// Pieces is where the body goes. Their descriptors stay open until Finish or Abort returns.
func (a *Assembly) Pieces() (all []Piece) {
	whole := a.chunk.Piece()
	at := whole.Offset
	for _, r := range a.ranges {
		if r.Kind == Literal {
			all = append(all, Piece{FD: whole.FD, Offset: at, Length: r.Length})
		}
		at += r.Length
	}
	return all
}

// Abort ends the claim.
func (a *Assembly) Abort() {
	a.release()
	a.chunk.Abort()
}

func (a *Assembly) release() {
	for _, f := range a.from {
		f.Release()
	}
	a.from = nil
}

// Finish puts the chunk together and verifies it in one pass, makes it durable and notes that it is there.
func (a *Assembly) Finish() error {
	defer a.release()
	return a.chunk.finish(a.build)
}

// build puts the ranges in their places. What is copied is hashed in memory and written from there; what shares its extents with
// another file, or came out of the body, is read back.
func (a *Assembly) build() error {
	s, fd := a.chunk.s, a.chunk.fd
	s.verifying <- struct{}{}
	defer func() { <-s.verifying }()
	pooled := s.windows.Get().(*[]byte)
	defer s.windows.Put(pooled)
	window := (*pooled)[:chunkWindow]
	h := hash.NewChunk(a.chunk.index)
	start := a.chunk.index * ChunkSize
	at := start
	for _, r := range a.ranges {
		var err error
		switch r.Kind {
		case Copied:
			err = a.copy(fd, at, r, window, h)
		case Literal:
			err = readThrough(fd, at, r.Length, window, h)
		case Zero:
			if err = clearRange(fd, at, r.Length); err == nil {
				err = readThrough(fd, at, r.Length, window, h)
			}
		}
		if err != nil {
			return fmt.Errorf("assemble a chunk: %w", err)
		}
		at += r.Length
	}
	if err := s.step("chunk assembled"); err != nil {
		return err
	}
	startWriting(fd, start, at-start)
	if differ("an assembled chunk", h.Value(), a.chunk.value) {
		return ErrHash
	}
	return nil
}

// copy brings a range of a content to its place, as shared extents where that goes.
func (a *Assembly) copy(fd int, at int64, r Range, window []byte, h *hash.Chunk) error {
	f := a.from[r.From]
	shared := a.chunk.s.share(fd, at, f.FD(), f.Base()+r.Offset, r.Length)
	if err := readThrough(fd, at, shared, window, h); err != nil {
		return err
	}
	if shared == r.Length {
		return nil
	}
	if err := allocate(fd, at+shared, r.Length-shared); err != nil {
		return err
	}
	r.Offset, r.Length, at = r.Offset+shared, r.Length-shared, at+shared
	if r.Length < mapped.Least {
		return copyThrough(fd, at, f, r, window, h)
	}
	err := mapped.Range(f.FD(), f.Base()+r.Offset, r.Length, func(b []byte) error {
		for len(b) > 0 {
			part := b[:min(len(b), chunkWindow)]
			h.Write(part)
			if err := writeAt(fd, part, at); err != nil {
				return err
			}
			at += int64(len(part))
			b = b[len(part):]
		}
		return nil
	})
	if errors.Is(err, mapped.ErrNone) {
		return copyThrough(fd, at, f, r, window, h)
	}
	return err
}

// copyThrough copies a range that is short, or cannot be had as memory.
func copyThrough(fd int, at int64, f *File, r Range, window []byte, h *hash.Chunk) error {
	for done := int64(0); done < r.Length; {
		b := window[:min(int64(len(window)), r.Length-done)]
		if err := f.ReadAt(b, r.Offset+done); err != nil {
			return err
		}
		h.Write(b)
		if err := writeAt(fd, b, at+done); err != nil {
			return err
		}
		done += int64(len(b))
	}
	return nil
}

// readThrough hashes a range of a file.
func readThrough(fd int, at, length int64, window []byte, h *hash.Chunk) error {
	for length > 0 {
		b := window[:min(int64(len(window)), length)]
		if err := readAt(fd, b, at); err != nil {
			return err
		}
		h.Write(b)
		at, length = at+int64(len(b)), length-int64(len(b))
	}
	return nil
}

// extentUnit is what borders of shared extents are multiples of: the blocks of all file systems that can share.
const extentUnit = 4 << 10

// share lets a range of a file have the extents of another one's, as far as borders allow, and tells how many bytes that
// were. Any failure means that they are copied: a copy finds out by itself if something is wrong.
func (s *Store) share(to int, at int64, from int, offset, length int64) int64 {
	length -= length % extentUnit
	if length == 0 || at%extentUnit != 0 || offset%extentUnit != 0 || s.shareless.Load() {
		return 0
	}
	err := again(func() error {
		return unix.IoctlFileCloneRange(to, &unix.FileCloneRange{
			Src_fd: int64(from), Src_offset: uint64(offset), Src_length: uint64(length), Dest_offset: uint64(at),
		})
	})
	switch err {
	case nil:
		return length
	case unix.EOPNOTSUPP, unix.ENOTTY, unix.EXDEV, unix.ENOSYS:
		s.shareless.Store(true) // the file system cannot: ask no more
	}
	return 0
}

// clearRange makes a range of an upload's file zeros, without room where the file system can do that: what an earlier
// attempt, or an allocation, has left there is given back.
func clearRange(fd int, at, length int64) error {
	err := again(func() error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, length)
	})
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		return writeZeros(fd, at, length)
	}
	if err != nil {
		return full(fmt.Errorf("make a hole: %w", err))
	}
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return fmt.Errorf("ask for a file's length: %w", err)
	}
	if st.Size < at+length { // a write never shortens a file that another chunk makes longer meanwhile
		return writeAt(fd, []byte{0}, at+length-1)
	}
	return nil
}

func writeZeros(fd int, at, length int64) error {
	b := make([]byte, min(length, chunkWindow))
	for length > 0 {
		part := b[:min(int64(len(b)), length)]
		if err := writeAt(fd, part, at); err != nil {
			return err
		}
		at, length = at+int64(len(part)), length-int64(len(part))
	}
	return nil
}

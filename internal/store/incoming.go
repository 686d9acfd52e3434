package store

import (
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// Piece is a range of a file that takes a part of a body.
type Piece struct {
	FD     int // owned by whom the piece came from
	Offset int64
	Length int64
}

// Incoming is a batch of contents on its way in. Exactly one of Finish and Abort ends it.
//
//	in memory   body -> verify -> one range of a segment -> write
//	in pieces   ranges of a segment for runs of small ones, a file each for larger ones -> (written) -> verify
//	both        -> sync -> folders -> one transaction
type Incoming struct {
	s       *Store
	w       Who
	objects []object
	runs    []run
	pieces  []Piece
	ended   bool
}

// object is one content of a batch.
type object struct {
	hash   [32]byte
	size   int64
	number int64 // its row, unless it has a twin
	twin   int64 // the row that was there before
	fd     int   // its own file, owned; -1: it lies in a run
	run    int   // index of runs; -1: it has no bytes there
	offset int64 // in the segment; in the body before it is placed
	fate   fate
}

type fate uint8

const (
	good  fate = iota
	wrong      // its bytes are not what its hash says
	twin       // there already: only the hold was new
)

// ObjectsBegin checks the quota and reserves room for a batch of contents.
func (s *Store) ObjectsBegin(w Who, hashes [][32]byte, sizes []int64) (*Incoming, error) {
	if len(hashes) != len(sizes) {
		return nil, fmt.Errorf("%w: %d hashes, %d sizes", ErrRange, len(hashes), len(sizes))
	}
	if s.stopped.Load() {
		return nil, ErrReadOnly
	}
	in := &Incoming{s: s, w: w, objects: make([]object, len(hashes))}
	total := int64(0)
	for i := range in.objects {
		if sizes[i] < 0 || sizes[i] > MaxBatchBytes-total {
			return nil, fmt.Errorf("%w: a batch has at most %d bytes", ErrRange, MaxBatchBytes)
		}
		in.objects[i] = object{hash: hashes[i], size: sizes[i], fd: -1, run: -1, offset: total}
		total += sizes[i]
	}
	if err := in.quota(total); err != nil {
		return nil, err
	}
	if err := s.mayUpload(total); err != nil {
		return nil, err
	}
	if total <= MemoryBody {
		return in, nil
	}
	if err := in.place(); err != nil {
		in.Abort()
		return nil, err
	}
	return in, nil
}

// quota refuses early what cannot fit. What the account holds already is charged no second time, but to look that up is
// only needed near the edge.
func (in *Incoming) quota(total int64) error {
	return in.s.read(func(tx *db.Tx) error {
		if err := room(tx, in.w, total); err != ErrQuota {
			return err
		}
		fresh, seen := int64(0), make(map[[32]byte]bool, len(in.objects))
		for i := range in.objects {
			o := &in.objects[i]
			if seen[o.hash] {
				continue
			}
			seen[o.hash] = true
			switch _, err := resolve(tx, in.w, o.hash); err {
			case nil:
			case ErrSpoiled: // charged, and healed by what comes
			case ErrNotFound:
				fresh += o.size
			default:
				return err
			}
		}
		return room(tx, in.w, fresh)
	})
}

// place gives every content its place: neighbours up to the border share a run, larger ones get a file each.
func (in *Incoming) place() error {
	for i := 0; i < len(in.objects); {
		if in.objects[i].size > Border {
			if err := in.placeFile(&in.objects[i]); err != nil {
				return err
			}
			i++
			continue
		}
		end, length := i, int64(0)
		for end < len(in.objects) && in.objects[end].size <= Border {
			length += in.objects[end].size
			end++
		}
		if length > 0 {
			if err := in.placeRun(in.objects[i:end], length); err != nil {
				return err
			}
		}
		i = end
	}
	return nil
}

func (in *Incoming) placeFile(o *object) (err error) {
	if o.number, o.fd, err = in.s.newObject(); err != nil {
		return err
	}
	if err := roomFor(o.fd, o.size); err != nil {
		return err
	}
	if err := allocate(o.fd, 0, o.size); err != nil {
		return err
	}
	in.pieces = append(in.pieces, Piece{FD: o.fd, Length: o.size})
	return nil
}

func (in *Incoming) placeRun(objects []object, length int64) error {
	r, err := in.s.reserve(length)
	if err != nil {
		return err
	}
	offset := r.offset
	for i := range objects {
		objects[i].run, objects[i].offset = len(in.runs), offset
		offset += objects[i].size
	}
	in.runs = append(in.runs, r)
	in.pieces = append(in.pieces, Piece{FD: r.segment.fd, Offset: r.offset, Length: length})
	return nil
}

// Pieces says where the body goes, in order; nil: into memory, to be given to Finish. The descriptors stay open until
// Finish or Abort returns.
func (in *Incoming) Pieces() []Piece { return in.pieces }

// Abort gives back what ObjectsBegin reserved. Nothing may be written to the pieces any more.
func (in *Incoming) Abort() {
	for i := range in.objects {
		in.objects[i].fate = wrong
	}
	in.end(true)
}

// end closes what the batch holds. With clear it also gives back the room of what is not good: nothing names it.
func (in *Incoming) end(clear bool) {
	if in.ended {
		return
	}
	in.ended = true
	for i := range in.objects {
		if o := &in.objects[i]; o.fd >= 0 {
			unix.Close(o.fd)
			if clear && o.fate != good {
				in.s.removeObject(o.number)
			}
		}
	}
	if clear {
		in.clearRuns()
	}
	for _, r := range in.runs {
		in.s.release(r.segment)
	}
}

// clearRuns gives back every stretch of a run in which nothing is good.
func (in *Incoming) clearRuns() {
	i := 0
	for n, r := range in.runs {
		from := r.offset
		for ; i < len(in.objects) && in.objects[i].run <= n; i++ {
			if o := &in.objects[i]; o.run == n && o.fate == good {
				in.s.giveBack(r.segment, from, o.offset)
				from = o.offset + o.size
			}
		}
		in.s.giveBack(r.segment, from, pages(r.offset+r.length))
	}
}

package store

import (
	"errors"
	"fmt"
	"math"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// Finish verifies the contents, makes them durable and commits them. Body is what was received into memory, where there
// are no pieces. A wrong content fails only its entry; an error is the whole batch's, of which nothing is kept then.
func (in *Incoming) Finish(body []byte) (failed map[int]error, err error) {
	clear := true // false: nobody knows whether rows name what was written
	defer func() {
		if err != nil {
			for i := range in.objects {
				in.objects[i].fate = wrong
			}
			clear = !errors.Is(err, errUnsure)
		}
		in.end(clear)
	}()
	if in.ended {
		return nil, errors.New("BUG: a batch was ended twice")
	}
	if in.pieces == nil {
		err = in.takeBody(body)
	} else {
		err = in.verify()
	}
	if err != nil {
		return nil, err
	}
	if err = in.sync(); err != nil {
		return nil, err
	}
	if err = in.commit(); err != nil {
		return nil, err
	}
	for i := range in.objects {
		if in.objects[i].fate == wrong {
			if failed == nil {
				failed = make(map[int]error)
			}
			failed[i] = ErrHash
		}
	}
	return failed, nil
}

// takeBody verifies a body in memory and writes what is good of it into one run.
func (in *Incoming) takeBody(body []byte) error {
	if n := len(in.objects); n > 0 && in.objects[n-1].offset+in.objects[n-1].size != int64(len(body)) {
		return fmt.Errorf("%w: a body of %d bytes", ErrRange, len(body))
	}
	in.s.verifying <- struct{}{}
	bad, length := false, int64(0)
	for i := range in.objects {
		o := &in.objects[i]
		if differ("a batch", hash.Sum(body[o.offset:o.offset+o.size]), o.hash) {
			o.fate, bad = wrong, true
			continue
		}
		length += o.size
	}
	<-in.s.verifying
	if length == 0 {
		return nil
	}
	if bad {
		kept := make([]byte, 0, length)
		for i := range in.objects {
			if o := &in.objects[i]; o.fate == good {
				kept = append(kept, body[o.offset:o.offset+o.size]...)
			}
		}
		body = kept
	}
	r, err := in.s.reserve(length)
	if err != nil {
		return err
	}
	in.runs = []run{r}
	offset := r.offset
	for i := range in.objects {
		if o := &in.objects[i]; o.fate == good {
			o.run, o.offset = 0, offset
			offset += o.size
		}
	}
	if err := in.s.step("write"); err != nil {
		return err
	}
	return writeAt(r.segment.fd, body, r.offset)
}

// verify reads what was written, once, and compares it with the hashes.
func (in *Incoming) verify() error {
	for _, p := range in.pieces {
		if p.Length >= verifyWindow/4 {
			startWriting(p.FD, p.Offset, p.Length)
		}
	}
	in.s.verifying <- struct{}{}
	defer func() { <-in.s.verifying }()
	pooled := in.s.windows.Get().(*[]byte)
	defer in.s.windows.Put(pooled)
	w := window{buffer: *pooled}
	for i := range in.objects {
		o := &in.objects[i]
		var sum [32]byte
		var err error
		switch {
		case o.size == 0:
			sum = hash.Sum(nil)
		case o.fd >= 0:
			sum, _, err = hash.SumReader(&stretch{o.fd, 0, o.size})
		default:
			var b []byte
			b, err = w.bytes(in.runs[o.run], o.offset, o.size)
			sum = hash.Sum(b)
		}
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if differ("a batch", sum, o.hash) {
			o.fate = wrong
		}
	}
	return nil
}

// window shows small contents of a run out of a buffer that holds many of them.
type window struct {
	buffer []byte
	run    run
	offset int64 // of the buffer's first byte in the segment
	have   int64
}

func (w *window) bytes(r run, offset, size int64) ([]byte, error) {
	if r != w.run || offset+size > w.offset+w.have {
		w.run, w.offset = r, offset
		w.have = min(int64(len(w.buffer)), r.offset+r.length-offset)
		if err := readAt(r.segment.fd, w.buffer[:w.have], offset); err != nil {
			w.run = run{}
			return nil, err
		}
	}
	return w.buffer[offset-w.offset:][:size], nil
}

// sync makes what is good durable: bytes first, a few files at a time, as the disk then writes them together; after them
// the names of files.
func (in *Incoming) sync() error {
	if err := in.s.step("verified"); err != nil {
		return err
	}
	var work []func() error
	needed := make([]bool, len(in.runs))
	for i := range in.objects {
		o := &in.objects[i]
		switch {
		case o.fate != good || o.size == 0:
		case o.fd < 0:
			needed[o.run] = true
		default:
			work = append(work, func() error { return in.s.syncData(o.fd, "an object") })
		}
	}
	var last *segment
	for i, r := range in.runs {
		if needed[i] && r.segment != last {
			last = r.segment
			work = append(work, func() error { return in.s.syncSegment(r.segment) })
		}
	}
	if err := together(work); err != nil {
		return err
	}
	folder := int64(-1)
	for i := range in.objects {
		o := &in.objects[i]
		if o.fate != good || o.fd < 0 || o.number>>folderBits == folder {
			continue
		}
		folder = o.number >> folderBits
		if err := in.s.syncObjectFolder(o.number); err != nil {
			return err
		}
	}
	return in.s.step("synced")
}

// commit makes the rows of what is good, in one transaction: the instant from which it is kept. A content that is there
// already only gets the account's hold.
func (in *Incoming) commit() error {
	count := int64(0)
	for i := range in.objects {
		if o := &in.objects[i]; o.fate == good && o.fd < 0 {
			count++
		}
	}
	if count > 0 {
		first, err := in.s.life.numbers(count)
		if err != nil {
			return err
		}
		for i := range in.objects {
			if o := &in.objects[i]; o.fate == good && o.fd < 0 {
				o.number = first
				first++
			}
		}
	}
	if err := in.s.write(in.rows); err != nil {
		return err
	}
	for _, r := range in.runs {
		r.segment.known.Store(true)
	}
	return in.s.step("committed")
}

// rows is the transaction.
func (in *Incoming) rows(tx *db.Tx) error {
	for i, r := range in.runs {
		if (i == 0 || r.segment != in.runs[i-1].segment) && !r.segment.known.Load() {
			if err := tx.InsertSegment(r.segment.number, in.s.life.id); err != nil {
				return err
			}
		}
	}
	contents, which := make([]db.Content, 0, len(in.objects)), make([]*object, 0, len(in.objects))
	for i := range in.objects {
		o := &in.objects[i]
		if o.fate != good {
			continue
		}
		c := db.Content{ID: o.number, Hash: o.hash[:], Size: o.size, Complete: true}
		if o.fd < 0 && o.size > 0 {
			c.Segment, c.Offset = in.runs[o.run].segment.number, o.offset
		}
		contents, which = append(contents, c), append(which, o)
	}
	err := tx.InsertContents(contents, func(i int, id int64) { which[i].fate, which[i].twin = twin, id })
	if err != nil {
		return err
	}
	if err := in.holds(tx, which); err != nil {
		return err
	}
	return in.heal(tx, contents, which)
}

// heal takes the good bytes of a batch for contents that are there and damaged: those lie where these do then, or what
// holds and names they had go over to a content of its own.
func (in *Incoming) heal(tx *db.Tx, contents []db.Content, which []*object) error {
	for i, o := range which {
		if o.fate != twin {
			continue
		}
		if c := &contents[i]; c.Segment != 0 {
			healed, err := tx.HealInSegment(o.twin, c.Segment, c.Offset)
			if err != nil {
				return err
			}
			if healed {
				o.fate = good
				continue
			}
		}
		damaged, err := tx.Retire(o.twin)
		if err != nil {
			return err
		}
		if !damaged {
			continue
		}
		if _, _, err := tx.InsertContent(&contents[i]); err != nil {
			return err
		}
		if err := tx.Heal(o.twin, o.number); err != nil {
			return err
		}
		o.fate = good
	}
	return nil
}

// holds notes that the account uploaded the contents, and charges it.
func (in *Incoming) holds(tx *db.Tx, all []*object) error {
	at, owed := now(), int64(0)
	first, last := int64(math.MaxInt64), int64(0) // of the new ones in segments, whose numbers follow each other
	for _, o := range all {
		switch {
		case o.fate == twin:
			continue
		case o.fd < 0:
			first, last = min(first, o.number), max(last, o.number)
		default:
			if err := tx.InsertHold(in.w.Account, o.number, o.size, at); err != nil {
				return err
			}
		}
		owed += o.size
	}
	if last > 0 {
		if err := tx.InsertHolds(in.w.Account, first, last, at); err != nil {
			return err
		}
	}
	for _, o := range all {
		if o.fate == twin { // maybe of one of those above
			bytes, err := hold(tx, in.w, o.twin, o.hash, o.size, false, at)
			if err != nil {
				return err
			}
			owed += bytes
		}
	}
	return charge(tx, in.w, owed)
}

// hold notes that an account uploaded a content, unless it holds it already, and answers how many bytes it is to be
// charged for. fresh: nobody can hold it yet.
func hold(tx *db.Tx, w Who, content int64, hash [32]byte, size int64, fresh bool, at int64) (bytes int64, err error) {
	if !fresh {
		switch _, err := resolve(tx, w, hash); err {
		case ErrNotFound:
		case ErrSpoiled: // held all the same
			return 0, nil
		default:
			return 0, err
		}
	}
	return size, tx.InsertHold(w.Account, content, size, at)
}

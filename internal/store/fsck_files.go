package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// segments compares the rows of segments with their files, and what lies in them with their length and with each other.
func (c *checker) segments() error {
	dir := c.s.folder.segments()
	files, err := c.numbers(dir) // before the rows: a row comes after its file
	if err != nil {
		return err
	}
	type row struct{ id, life, owner, dead int64 }
	var rows []row
	err = c.s.read(func(tx *db.Tx) error {
		return tx.SegmentOwners(func(id, life, owner, dead int64) { rows = append(rows, row{id, life, owner, dead}) })
	})
	if err != nil {
		return err
	}
	known := make(map[int64]bool, len(rows))
	for _, r := range rows {
		known[r.id] = true
		if r.life != r.owner {
			c.find(findSegment, "%x is life %d's, but its number is life %d's", r.id, r.life, r.owner)
		}
		if err := c.segment(r.id, r.dead); err != nil {
			return err
		}
	}
	for _, n := range files {
		if !known[n] {
			if err := c.unnamed(n, c.s.folder.segment(n), (*db.Tx).SegmentThere, false); err != nil {
				return err
			}
		}
	}
	return c.ctx.Err()
}

// segment looks at one segment with what lies in it.
func (c *checker) segment(id, dead int64) error {
	path := c.s.folder.segment(id)
	contents, there, err := c.lying(id)
	if err != nil || !there { // it was removed meanwhile
		return err
	}
	length, err := lengthOf(path)
	if err != nil {
		return err
	}
	if length < 0 && len(contents) == 0 && c.backup {
		return nil
	}
	if length < 0 {
		c.mend(findMissing, c.marking(contents), "segment %x with %d contents", id, len(contents))
		return nil
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	living, end := int64(0), int64(0)
	var last db.Extent
	for _, e := range contents {
		if c.backup && e.Damaged {
			c.marked(e)
			continue
		}
		living += e.Size
		switch {
		case e.Size == 0:
			continue
		case !e.Complete && e.Refs > 0:
			c.find(string(db.FaultContent), "%x is unfinished and lies in a segment", e.ID)
		case e.Offset < 0 || e.Offset+e.Size > length:
			c.mend(findShort, c.marking([]db.Extent{e}), "content %x ends at %d of segment %x, which has %d bytes", e.ID, e.Offset+e.Size, id, length)
		case e.Offset < end:
			c.mend(findOverlap, c.markWrong(last, e), "contents %x and %x share bytes of segment %x from %d on", last.ID, e.ID, id, e.Offset)
		default:
			c.content(fd, e, e.Offset)
		}
		if e.Offset+e.Size > end {
			last, end = e, e.Offset+e.Size
		}
	}
	if end <= length && living+dead > length && !c.backup {
		c.find(findSegment, "%x has %d bytes, but %d of living and %d of collected contents", id, length, living, dead)
	}
	return c.ctx.Err()
}

// lying lists what lies in a segment; there: it still has a row.
func (c *checker) lying(id int64) (contents []db.Extent, there bool, err error) {
	err = c.s.read(func(tx *db.Tx) error {
		if there, err = tx.SegmentThere(id); err != nil || !there {
			return err
		}
		contents, err = tx.ExtentsIn(id)
		return err
	})
	return contents, there, err
}

// objects compares contents' own files with their rows, folder by folder.
func (c *checker) objects() error {
	entries, err := os.ReadDir(c.s.folder.objects())
	if err != nil {
		return err
	}
	var groups []int64
	for _, e := range entries {
		n, err := strconv.ParseInt(e.Name(), 16, 64)
		if err != nil || !e.IsDir() || len(e.Name()) != 8 {
			c.note(findStranger, "%s is none of ours", filepath.Join("objects", e.Name()))
			continue
		}
		groups = append(groups, n)
	}
	err = c.s.read(func(tx *db.Tx) error {
		named, err := tx.FileGroups()
		groups = append(groups, named...)
		return err
	})
	slices.Sort(groups)
	for _, group := range slices.Compact(groups) {
		if err == nil {
			err = errors.Join(c.objectGroup(group), c.ctx.Err())
		}
	}
	return err
}

func (c *checker) objectGroup(group int64) error {
	first := group << folderBits
	files, err := c.numbers(c.s.folder.objectFolder(first)) // before the rows, as above
	if err != nil {
		return err
	}
	var rows []db.Extent
	err = c.s.read(func(tx *db.Tx) (err error) {
		rows, err = tx.OwnFiles(first, first+1<<folderBits)
		return err
	})
	if err != nil {
		return err
	}
	known := make(map[int64]bool, len(rows))
	for _, e := range rows {
		known[e.ID] = true
		if err := c.object(e); err != nil {
			return err
		}
	}
	for _, n := range files {
		if n>>folderBits != group {
			c.note(findStranger, "%016x is not in its folder, but in %08x", n, group)
		} else if !known[n] {
			there := func(tx *db.Tx, n int64) (bool, error) {
				e, err := tx.Extent(n)
				return e != nil && e.Segment == 0, err
			}
			if err := c.unnamed(n, c.s.folder.object(n), there, c.config.Strict); err != nil {
				return err
			}
		}
	}
	return nil
}

// object looks at a content's own file.
func (c *checker) object(e db.Extent) error {
	if e.Complete && e.Size == 0 || c.backup && !e.Complete {
		return nil
	}
	if !e.Complete && e.Refs == 0 {
		c.note(findEnded, "content %x is unfinished and nobody's; the keeper removes it", e.ID)
		return nil
	}
	if c.backup && e.Damaged {
		c.marked(e)
		return nil
	}
	path := c.s.folder.object(e.ID)
	length, err := lengthOf(path)
	if err == nil && length < e.Need { // once more: it may have been removed, or come, meanwhile
		now, err := c.extent(e.ID)
		if err != nil || now == nil || now.Segment != 0 || now.Refs == 0 && !now.Complete {
			return err
		}
		if length, err = lengthOf(path); err != nil {
			return err
		}
		e = *now
	}
	switch {
	case err != nil:
		return err
	case length < 0:
		c.mend(findMissing, c.lost(e), "the file of content %x, %d bytes", e.ID, e.Size)
	case length < e.Need:
		c.mend(findShort, c.lost(e), "content %x has a file of %d bytes and needs %d", e.ID, length, e.Need)
	default:
		return c.ownFile(e, path)
	}
	return nil
}

func (c *checker) extent(id int64) (e *db.Extent, err error) {
	err = c.s.read(func(tx *db.Tx) error {
		e, err = tx.Extent(id)
		return err
	})
	return e, err
}

// ownFile reads a content's own file again, if that is wanted.
func (c *checker) ownFile(e db.Extent, path string) error {
	if !c.config.Bytes {
		c.marked(e)
		return nil
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	if e.Complete {
		c.content(fd, e, 0)
		return nil
	}
	return c.chunks(fd, e)
}

// content compares a content's bytes with its hash, if that is wanted.
func (c *checker) content(fd int, e db.Extent, offset int64) {
	if c.config.Bytes && !e.Damaged {
		sum, n, err := hash.SumReader(&stretch{fd, offset, offset + e.Size})
		c.report.Bytes += n
		c.config.Progress.Add(0, n)
		if err != nil || string(sum[:]) != string(e.Hash) {
			c.mend(findBytes, c.marking([]db.Extent{e}), "the %d bytes of content %x are not those of its hash (%s)", e.Size, e.ID, orFine(err))
			return
		}
	}
	c.marked(e)
}

// chunks compares the chunks of an unfinished upload with their values.
func (c *checker) chunks(fd int, e db.Extent) error {
	var all []db.Chunk
	err := c.s.read(func(tx *db.Tx) (err error) {
		all, err = tx.Chunks(e.ID)
		return err
	})
	if err != nil {
		return err
	}
	b := make([]byte, ChunkSize)
	for _, k := range all {
		if k.Size > ChunkSize { // told with the rows
			continue
		}
		err := readAt(fd, b[:k.Size], k.Index*ChunkSize)
		c.report.Bytes += k.Size
		if sum := hash.ChunkValue(b[:k.Size], k.Index); err != nil || string(sum[:]) != string(k.Value) {
			c.mend(findBytes, c.forget(e, k.Index), "chunk %d of unfinished content %x is not what its value says (%s)", k.Index, e.ID, orFine(err))
		}
	}
	return nil
}

func orFine(err error) string {
	if err == nil {
		return "read well"
	}
	return err.Error()
}

// marked tells of a content that is known to be damaged.
func (c *checker) marked(e db.Extent) {
	if e.Damaged && e.Refs > 0 {
		c.find(findMarked, "content %x, %d bytes, was found damaged; who uploads it again heals it", e.ID, e.Size)
	}
}

// unnamed judges a file that no row seems to name. strict: not even lives at work are making it.
func (c *checker) unnamed(number int64, path string, there func(*db.Tx, int64) (bool, error), strict bool) error {
	var named, ended bool
	var life int64
	err := c.s.read(func(tx *db.Tx) (err error) {
		if named, err = there(tx, number); err == nil && !named {
			life, ended, err = tx.Owner(number)
		}
		return err
	})
	if err != nil || named {
		return err
	}
	name, _ := filepath.Rel(string(c.s.folder), path)
	if c.backup {
		c.note(findNoRow, "%s is not needed; the next backup removes it", name)
		return nil
	}
	if life != 0 && !ended {
		runs, err := lifeRuns(c.s.folder, life)
		if err != nil || runs && !strict {
			return err
		}
		if !runs && !c.config.Strict {
			return nil // told of with its life
		}
	}
	length, err := lengthOf(path) // it may have been removed meanwhile
	if err != nil || length < 0 {
		return err
	}
	c.mend(findNoRow, func() (string, error) { return c.quarantine(path) }, "no row names %s, %d bytes", name, length)
	return nil
}

// strangers looks at what else stands in the data folder.
func (c *checker) strangers() error {
	entries, err := os.ReadDir(string(c.s.folder))
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case slices.Contains(ours, name), slices.Contains(alsoOurs, name):
		default:
			c.note(findStranger, "%s is none of ours", name)
		}
	}
	return nil
}

// alsoOurs are the names of a data folder beside those it may have before there is a database.
var alsoOurs = []string{"sluice.db", "sluice.db-wal", "sluice.db-shm", "quarantine"}

// numbers lists the files of a folder of ours and counts them.
func (c *checker) numbers(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := make([]int64, 0, len(entries))
	for _, e := range entries {
		n, err := strconv.ParseInt(e.Name(), 16, 64)
		if err != nil || len(e.Name()) != 16 || !e.Type().IsRegular() {
			name, _ := filepath.Rel(string(c.s.folder), filepath.Join(dir, e.Name()))
			c.note(findStranger, "%s is none of ours", name)
			continue
		}
		all = append(all, n)
	}
	c.report.Files += int64(len(all))
	c.config.Progress.Add(int64(len(all)), 0)
	return all, nil
}

// lengthOf gives a file's length; -1: it is not there.
func lengthOf(path string) (int64, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Stat(path, &st) })
	if err == unix.ENOENT {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at %s: %w", path, err)
	}
	return st.Size, nil
}

// readsAs tells whether a content's bytes are those of its hash.
func (s *Store) readsAs(e db.Extent) (bool, error) {
	path, offset := s.folder.object(e.ID), int64(0)
	if e.Segment != 0 {
		path, offset = s.folder.segment(e.Segment), e.Offset
	}
	if e.Size == 0 {
		sum := hash.Sum(nil)
		return string(sum[:]) == string(e.Hash), nil
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	sum, _, err := hash.SumReader(&stretch{fd, offset, offset + e.Size})
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.EIO) {
		return false, nil
	}
	return string(sum[:]) == string(e.Hash), err
}

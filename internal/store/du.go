package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// Use is what bytes are kept for. A content that is kept for several is counted for the first of them.
type Use uint8

const (
	UseLive     Use = iota // names that stand in a tree
	UseVersions            // what was replaced
	UseTrash               // what was deleted, with what lies below it
	UseUnnamed             // uploaded, and no commit has named it yet
	UsePartial             // uploads that are not complete
	UseDoomed              // complete, and nothing names it: for the collector
	UseEnded               // what ended uploads left: for the keeper
	uses
	nobody
)

// String is the use's name.
func (u Use) String() string {
	return [...]string{"live", "versions", "trash", "unnamed", "partial", "doomed", "ended", "uses", "nobody"}[u]
}

// Spent is what is kept for one use.
type Spent struct {
	Names    int64 // names and versions, or holds, or uploads
	Charged  int64 // bytes their accounts are charged for, each of them by itself
	Contents int64 // different contents
	Bytes    int64 // theirs: a content counts once, of an upload what has arrived
	Disk     int64 // room on disk: blocks of own files, bytes in segments
	Alone    int64 // of Bytes those that nobody but the account asked for keeps
}

// Files is what another kind of file takes.
type Files struct {
	Count int64
	Bytes int64 // lengths
	Disk  int64 // blocks on disk
}

// Space explains every byte of a data folder, or of one account.
type Space struct {
	Uses     [uses]Spent
	Segments Files // with what lives in them
	Living   int64 // bytes in segments that belong to contents; the rest of Segments is dead
	Arriving Files // files that no row names: yet, or because their upload failed
	Database Files
	Log      Files
	Reserves Files // room to give up when the disk is full
	Other    Files // locks, counters, the folder's own
}

// Disk is the room all of it takes.
func (s *Space) Disk() int64 {
	total := s.Segments.Disk - s.Living + s.Arriving.Disk + s.Database.Disk + s.Log.Disk + s.Reserves.Disk + s.Other.Disk
	for _, u := range s.Uses {
		total += u.Disk
	}
	return total
}

// Space counts all rows and files, which takes seconds for a million. User "" is everybody. It looks at the rows first, so
// while others write a file may be counted as arriving that is not.
func (s *Store) Space(user string) (*Space, error) {
	c := census{space: new(Space), kept: make(map[int64]*marks)}
	err := s.read(func(tx *db.Tx) error {
		if user != "" {
			a, err := tx.AccountByName([]byte(user))
			if err != nil {
				return err
			}
			if a == nil {
				return fmt.Errorf("user %q: %w", user, ErrNotFound)
			}
			c.account = a.ID
		}
		return c.rows(tx)
	})
	if err != nil {
		return nil, err
	}
	return c.space, c.files(s.folder)
}

// census counts. Rows come first: they tell what each content is kept for; then files.
type census struct {
	account int64 // 0: all
	space   *Space
	owners  map[int64]int64
	parents map[int64]int64 // folders
	alive   map[int64]bool  // folders that stand in a tree, as far as asked
	kept    map[int64]*marks
}

// marks are what the contents of a block of numbers are kept for: one byte each, as there may be very many.
type marks [blockSize]mark

// mark is 0 for nothing, or a use plus one; others: somebody else than the account asked for keeps it.
type mark uint8

const others mark = 0x80

func (m mark) use() Use { return Use(m&^others) - 1 }

func (c *census) mark(content int64) *mark {
	block := c.kept[content/blockSize]
	if block == nil {
		block = new(marks)
		c.kept[content/blockSize] = block
	}
	return &block[content%blockSize]
}

// add counts one who keeps a content.
func (c *census) add(account, content, charged int64, use Use) {
	m := c.mark(content)
	if c.account != 0 && account != c.account {
		*m |= others
		return
	}
	c.space.Uses[use].Names++
	c.space.Uses[use].Charged += charged
	if *m&^others == 0 || use < m.use() {
		*m = *m&others | mark(use+1)
	}
}

func (c *census) rows(tx *db.Tx) (err error) {
	if c.owners, err = tx.Owners(); err != nil {
		return err
	}
	c.parents, c.alive = make(map[int64]int64), make(map[int64]bool)
	if err := tx.Parents(func(folder, parent int64) { c.parents[folder] = parent }); err != nil {
		return err
	}
	err = tx.Names(func(n db.Named) {
		use := UseLive
		if !c.stands(n.Parent) {
			use = UseTrash
		}
		c.add(c.owners[n.Namespace], n.Content, n.Size, use)
	})
	if err != nil {
		return err
	}
	err = tx.PastNames(func(n db.Named) {
		use := UseVersions
		if n.Deleted {
			use = UseTrash
		}
		c.add(c.owners[n.Namespace], n.Content, n.Size, use)
	})
	if err != nil {
		return err
	}
	err = tx.Holds(func(account, content, bytes int64) { c.add(account, content, bytes, UseUnnamed) })
	if err != nil {
		return err
	}
	uploads, err := tx.Uploads()
	if err != nil {
		return err
	}
	arrived := make(map[int64]int64, len(uploads))
	for _, u := range uploads {
		c.add(u.Account, u.Content, u.Charged, UsePartial)
		if arrived[u.Content], err = tx.Arrived(u.Content); err != nil {
			return err
		}
	}
	return tx.Contents(func(row *db.Content) { c.content(row, arrived) })
}

// stands tells whether a folder stands in a tree: none above it was deleted.
func (c *census) stands(folder int64) bool {
	var way []int64
	stands := false
	for {
		known, asked := c.alive[folder]
		parent, there := c.parents[folder]
		if asked || !there || parent == 0 {
			stands = known || !asked && there
			break
		}
		way = append(way, folder)
		folder = parent
	}
	c.alive[folder] = stands
	for _, f := range way {
		c.alive[f] = stands
	}
	return stands
}

// content counts a content for what it is kept for.
func (c *census) content(row *db.Content, arrived map[int64]int64) {
	m := c.mark(row.ID)
	bytes := row.Size
	if row.Segment != 0 {
		c.space.Living += bytes
	}
	if *m&^others == 0 {
		if c.account != 0 {
			return
		}
		*m = mark(UseDoomed + 1)
		if !row.Complete {
			*m = mark(UseEnded + 1)
		}
	}
	u := &c.space.Uses[m.use()]
	if !row.Complete {
		bytes = arrived[row.ID]
	}
	u.Contents++
	u.Bytes += bytes
	if row.Segment != 0 {
		u.Disk += bytes
	}
	if *m&others == 0 {
		u.Alone += bytes
	}
}

// files counts what lies in the data folder. Only that an account keeps is counted for it.
func (c *census) files(f folder) error {
	return filepath.WalkDir(string(f), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != string(f) { // removed this very moment
			return nil
		}
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err == unix.ENOENT {
			return nil
		} else if err != nil {
			return fmt.Errorf("look at %s: %w", path, err)
		}
		c.file(f, path, e.IsDir(), &st)
		return nil
	})
}

func (c *census) file(f folder, path string, isFolder bool, st *unix.Stat_t) {
	to, disk := &c.space.Other, st.Blocks*512
	switch name := strings.TrimPrefix(path, string(f)+string(os.PathSeparator)); {
	case isFolder:
	case strings.HasPrefix(name, "objects/"):
		number, err := strconv.ParseInt(filepath.Base(path), 16, 64)
		if err != nil {
			break
		}
		if block := c.kept[number/blockSize]; block != nil && block[number%blockSize]&^others != 0 {
			c.space.Uses[block[number%blockSize].use()].Disk += disk
			return
		}
		to = &c.space.Arriving
	case strings.HasPrefix(name, "segments/"):
		to = &c.space.Segments
	case path == f.database():
		to = &c.space.Database
	case strings.HasPrefix(path, f.database()):
		to = &c.space.Log
	case path == f.reserve() || path == f.logReserve():
		to = &c.space.Reserves
	}
	to.Count++
	to.Bytes += st.Size
	to.Disk += disk
}

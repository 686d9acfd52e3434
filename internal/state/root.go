package state

import (
	"fmt"

	"sluice/internal/db"
)

// Root is what is remembered about one local folder.
type Root struct {
	s  *State
	id int64
}

// File is what was true of a local file when it had the content with this hash.
type File struct {
	Size  int64
	Mtime int64 // ns since 1970
	Inode uint64
	Ctime int64 // ns since 1970
	Hash  [32]byte
}

// Saved is a file with its path relative to the root.
type Saved struct {
	Path string
	File
}

// Root finds or begins what is remembered about the folder dir, an absolute path, and this server.
func (s *State) Root(remote, server, dir string) (*Root, error) {
	r := &Root{s: s}
	find := func(t db.Table) (bool, error) {
		return t.Row("SELECT id FROM root WHERE remote = ? AND server = ? AND dir = ?", []any{remote, server, []byte(dir)}, &r.id)
	}
	var found bool
	err := s.db.Read(func(tx *db.Tx) (err error) {
		found, err = find(db.TableOf(tx))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if found {
		return r, nil
	}
	err = s.db.Write(func(tx *db.Tx) error {
		t := db.TableOf(tx)
		if found, err := find(t); err != nil || found {
			return err
		}
		_, id, err := t.Exec("INSERT INTO root (remote, server, dir) VALUES (?, ?, ?)", remote, server, []byte(dir))
		r.id = id
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write the state: %w", err)
	}
	return r, nil
}

// All reads all files of the root.
func (r *Root) All() (map[string]File, error) {
	all := make(map[string]File)
	err := r.s.db.Read(func(tx *db.Tx) error {
		return db.TableOf(tx).Rows("SELECT path, size, mtime, inode, ctime, hash FROM file WHERE root = ?", []any{r.id}, func(row *db.Row) error {
			f := File{Size: row.Int(1), Mtime: row.Int(2), Inode: uint64(row.Int(3)), Ctime: row.Int(4)}
			if b := row.Bytes(5); copy(f.Hash[:], b) != len(f.Hash) || len(b) != len(f.Hash) {
				return nil // not a hash: as good as unknown
			}
			all[row.Text(0)] = f
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return all, nil
}

// Save records files, all or none.
func (r *Root) Save(list []Saved) error {
	if len(list) == 0 {
		return nil
	}
	err := r.s.db.Write(func(tx *db.Tx) error {
		t := db.TableOf(tx)
		for i := range list {
			f := &list[i]
			err := t.Run("INSERT OR REPLACE INTO file (root, path, size, mtime, inode, ctime, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
				r.id, []byte(f.Path), f.Size, f.Mtime, int64(f.Inode), f.Ctime, f.Hash[:])
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// Forget drops files that are gone.
func (r *Root) Forget(paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	err := r.s.db.Write(func(tx *db.Tx) error {
		t := db.TableOf(tx)
		for _, p := range paths {
			if err := t.Run("DELETE FROM file WHERE root = ? AND path = ?", r.id, []byte(p)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

package state

import (
	"fmt"

	"sluice/internal/db"
)

// SyncRoot is what is remembered about a folder that is kept the same with one of a server.
type SyncRoot struct {
	Remote  string // the server's name in this client's configuration
	Server  string // the server's own identity
	Path    string // on the server, from the root of home
	Dir     string // the local folder, an absolute path
	Device  string // this device's name in conflict names
	Node    int64  // of the server's folder; 0: not known yet
	Epoch   int64
	Journal int64 // all changes up to this number are in the tables
	Listed  bool  // the server's folder was listed once
	Dev     uint64
	Ino     uint64
	Mark    string
	Scanned int64  // when the last whole scan ended, ns since 1970
	Sets    string // names of folders that are one thing with all they hold, with / between them
	Synced  int64  // the journal number up to which nothing was left to be done; 0: never
}

// SyncEntry is a node of the server.
type SyncEntry struct {
	ID      int64
	Parent  int64
	Name    string
	Kind    uint8
	Hash    [32]byte
	Size    int64
	Mode    uint32
	Mtime   int64 // ns since 1970
	Version int64
}

// SyncNode is a node as both sides had it, with the facts of the local file then.
type SyncNode struct {
	SyncEntry
	FactSize  int64
	FactMtime int64 // ns since 1970
	FactCtime int64 // ns since 1970
	Ino       uint64
	Born      int64 // ns since 1970
}

// SyncNews is a node as the server has it, where that is not what was agreed.
type SyncNews struct {
	SyncEntry
	Deleted bool // it is gone, or lies elsewhere now; only ID and Version count
}

// SyncSent is a content that was sent under a name; or, with a Parent alone, a node whose delete was sent. What is to replace a
// file here counts as sent too, and so do moves and new folders, with what tells them in place of a hash.
type SyncSent struct {
	Parent int64
	Name   string
	Hash   [32]byte
}

// SyncKey is the key of a commit, by which the server knows its repetitions.
type SyncKey = [16]byte

// SyncProblem is a name that could not be dealt with when it was last tried.
type SyncProblem struct {
	Path    string
	Reason  string
	Skipped bool
	Tries   int
	Retry   int64 // when it is tried again, ns since 1970
}

// SyncConflict is a file that was renamed here because the server had another one of its name.
type SyncConflict struct {
	Path  string
	Other string // the name it had
	At    int64  // ns since 1970
}

// SyncBatch is what is recorded at once, all or none, in the order of its fields.
type SyncBatch struct {
	Anew      bool // forget all nodes and news first
	Forget    []int64
	Nodes     []SyncNode
	Settled   []int64 // no news any more
	News      []SyncNews
	Sent      []SyncSent
	Answered  []SyncSent
	Launched  []SyncKey // commits that are sent off
	Landed    []SyncKey // those that were answered, or never will do anything
	Conflicts []SyncConflict
	Resolved  []string // conflicts that are none any more
	Problems  *[]SyncProblem
	Root      *SyncRoot // instead of what was remembered; its identity (server, path, dir) stays
}

// Empty says whether there is nothing to record.
func (b *SyncBatch) Empty() bool {
	return !b.Anew && len(b.Forget)+len(b.Nodes)+len(b.Settled)+len(b.News)+len(b.Sent)+len(b.Answered)+len(b.Launched)+len(b.Landed)+len(b.Conflicts)+len(b.Resolved) == 0 &&
		b.Problems == nil && b.Root == nil
}

// Sync is what is remembered about one folder that is kept the same both ways.
type Sync struct {
	s  *State
	id int64
}

// Sync finds or begins what is remembered about a folder: server, path and dir say which.
func (s *State) Sync(root *SyncRoot) (*Sync, error) {
	y := &Sync{s: s}
	err := s.db.Write(func(tx *db.Tx) error {
		t := db.TableOf(tx)
		found, err := t.Row("SELECT id FROM sync_root WHERE server = ? AND path = ? AND dir = ?",
			[]any{root.Server, []byte(root.Path), []byte(root.Dir)}, &y.id)
		if err != nil || found {
			return err
		}
		_, y.id, err = t.Exec(`INSERT INTO sync_root (remote, server, path, dir, device, node, epoch, journal, listed, dev, ino, mark, scanned, synced, sets)
			VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, '', 0, 0, ?)`, root.Remote, root.Server, []byte(root.Path), []byte(root.Dir), root.Device, root.Sets)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write the state: %w", err)
	}
	return y, nil
}

// Syncs lists all folders that are kept the same, in the order they were begun.
func (s *State) Syncs() (all []SyncRoot, err error) {
	err = s.db.Read(func(tx *db.Tx) error {
		return db.TableOf(tx).Rows("SELECT "+rootColumns+" FROM sync_root ORDER BY id", nil, func(r *db.Row) error {
			all = append(all, readRoot(r))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return all, nil
}

// Drop forgets the folder; what it holds stays as it is, here and on the server.
func (y *Sync) Drop() error {
	return y.write(func(t db.Table) error {
		for _, sql := range []string{
			"DELETE FROM sync_node WHERE root = ?", "DELETE FROM sync_news WHERE root = ?", "DELETE FROM sync_sent WHERE root = ?", "DELETE FROM sync_aloft WHERE root = ?",
			"DELETE FROM sync_problem WHERE root = ?", "DELETE FROM sync_conflict WHERE root = ?", "DELETE FROM sync_root WHERE id = ?",
		} {
			if err := t.Run(sql, y.id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (y *Sync) write(fn func(t db.Table) error) error {
	if err := y.s.db.Write(func(tx *db.Tx) error { return fn(db.TableOf(tx)) }); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

func (y *Sync) read(fn func(t db.Table) error) error {
	if err := y.s.db.Read(func(tx *db.Tx) error { return fn(db.TableOf(tx)) }); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	return nil
}

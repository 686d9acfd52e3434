package state

import (
	"encoding/binary"
	"errors"
	"slices"

	"sluice/internal/db"
)

// maxSent is how many things one row of what was sent has at most: as many as one commit.
const maxSent = 1000

// errSent is a row that is not as it was written.
var errSent = errors.New("a row of what was sent is damaged")

// append writes one thing that is sent: node of the folder, length of the name, name, hash.
func (s *SyncSent) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.Parent))
	b = binary.AppendUvarint(b, uint64(len(s.Name)))
	b = append(b, s.Name...)
	return append(b, s.Hash[:]...)
}

// cutSent cuts the first thing off a row: how many bytes it has, and itself if it is asked for.
func cutSent(b []byte, s *SyncSent) (int, error) {
	parent, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, errSent
	}
	length, m := binary.Uvarint(b[n:])
	at := n + m
	if m <= 0 || length > uint64(len(b)-at) {
		return 0, errSent
	}
	end := at + int(length) + len(SyncSent{}.Hash)
	if end > len(b) {
		return 0, errSent
	}
	if s != nil {
		*s = SyncSent{Parent: int64(parent), Name: string(b[at : at+int(length)]), Hash: [32]byte(b[end-32 : end])}
	}
	return end, nil
}

// Sent gives all that was sent and is not answered, in the order it was sent.
func (y *Sync) Sent() (all []SyncSent, err error) {
	err = y.read(func(t db.Table) error {
		return t.Rows("SELECT what FROM sync_sent WHERE root = ? ORDER BY id", []any{y.id}, func(r *db.Row) error {
			for b := r.Bytes(0); len(b) > 0; {
				var s SyncSent
				n, err := cutSent(b, &s)
				if err != nil {
					return err
				}
				all, b = append(all, s), b[n:]
			}
			return nil
		})
	})
	return all, err
}

// Aloft gives the keys of the commits that were sent off and not answered.
func (y *Sync) Aloft() (keys []SyncKey, err error) {
	err = y.read(func(t db.Table) error {
		return t.Rows("SELECT key FROM sync_aloft WHERE root = ?", []any{y.id}, func(r *db.Row) error {
			b := r.Bytes(0)
			if len(b) != len(SyncKey{}) {
				return errSent
			}
			keys = append(keys, SyncKey(b))
			return nil
		})
	})
	return keys, err
}

func (y *Sync) applyAloft(t db.Table, b *SyncBatch) error {
	for _, key := range b.Launched {
		if err := t.Run("INSERT OR IGNORE INTO sync_aloft (root, key) VALUES (?, ?)", y.id, key[:]); err != nil {
			return err
		}
	}
	for _, key := range b.Landed {
		if err := t.Run("DELETE FROM sync_aloft WHERE root = ? AND key = ?", y.id, key[:]); err != nil {
			return err
		}
	}
	return nil
}

func (y *Sync) applySent(t db.Table, b *SyncBatch) error {
	for some := range slices.Chunk(b.Sent, maxSent) {
		var what []byte
		for i := range some {
			what = some[i].append(what)
		}
		if err := t.Run("INSERT INTO sync_sent (root, what) VALUES (?, ?)", y.id, what); err != nil {
			return err
		}
	}
	if len(b.Answered) == 0 {
		return nil
	}
	gone := make(map[string]bool, len(b.Answered))
	for i := range b.Answered {
		gone[string(b.Answered[i].append(nil))] = true
	}
	return y.answered(t, gone)
}

// answered takes out what was answered, wherever it stands: nearly always that is all of one row.
func (y *Sync) answered(t db.Table, gone map[string]bool) error {
	left := make(map[int64][]byte) // of the rows that change
	err := t.Rows("SELECT id, what FROM sync_sent WHERE root = ?", []any{y.id}, func(r *db.Row) error {
		all := r.Bytes(1)
		kept := make([]byte, 0, len(all))
		for b := all; len(b) > 0; {
			n, err := cutSent(b, nil)
			if err != nil {
				return err
			}
			if !gone[string(b[:n])] {
				kept = append(kept, b[:n]...)
			}
			b = b[n:]
		}
		if len(kept) < len(all) {
			left[r.Int(0)] = kept
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, kept := range left {
		if len(kept) == 0 {
			err = t.Run("DELETE FROM sync_sent WHERE id = ?", id)
		} else {
			err = t.Run("UPDATE sync_sent SET what = ? WHERE id = ?", kept, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

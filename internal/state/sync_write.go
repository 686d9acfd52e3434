package state

import "sluice/internal/db"

// Apply records a batch: when it returns nil all of it is on disk, otherwise nothing is.
func (y *Sync) Apply(b *SyncBatch) error {
	if b.Empty() {
		return nil
	}
	return y.write(func(t db.Table) error {
		for _, step := range []func(t db.Table, b *SyncBatch) error{y.applyNodes, y.applyNews, y.applySent, y.applyAloft, y.applyPaths, y.applyRoot} {
			if err := step(t, b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (y *Sync) applyNodes(t db.Table, b *SyncBatch) error {
	if b.Anew {
		if err := t.Run("DELETE FROM sync_node WHERE root = ?", y.id); err != nil {
			return err
		}
		if err := t.Run("DELETE FROM sync_news WHERE root = ?", y.id); err != nil {
			return err
		}
	}
	for _, id := range b.Forget {
		if err := t.Run("DELETE FROM sync_node WHERE root = ? AND id = ?", y.id, id); err != nil {
			return err
		}
	}
	var name, what []byte
	for i := range b.Nodes {
		n := &b.Nodes[i]
		name, what = append(name[:0], n.Name...), n.append(what[:0])
		err := t.Run("INSERT OR REPLACE INTO sync_node (root, "+nodeColumns+") VALUES (?, ?, ?, ?, ?, ?)", y.id, n.ID, n.Parent, name, int64(n.Ino), what)
		if err != nil {
			return err
		}
	}
	return nil
}

func (y *Sync) applyNews(t db.Table, b *SyncBatch) error {
	settled := b.Settled
	if len(settled) > 0 { // nearly always of nothing: each is settled as it is agreed
		if any, err := t.Row("SELECT 1 FROM sync_news WHERE root = ?", []any{y.id}); err != nil {
			return err
		} else if !any {
			settled = nil
		}
	}
	for _, id := range settled {
		if err := t.Run("DELETE FROM sync_news WHERE root = ? AND id = ?", y.id, id); err != nil {
			return err
		}
	}
	for i := range b.News {
		n := &b.News[i]
		err := t.Run("INSERT OR REPLACE INTO sync_news (root, "+newsColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			y.id, n.ID, n.Parent, []byte(n.Name), int64(n.Kind), n.Hash[:], n.Size, n.Mode, n.Mtime, n.Version, n.Deleted)
		if err != nil {
			return err
		}
	}
	return nil
}

func (y *Sync) applyPaths(t db.Table, b *SyncBatch) error {
	for _, c := range b.Conflicts {
		err := t.Run("INSERT OR REPLACE INTO sync_conflict (root, path, other, at) VALUES (?, ?, ?, ?)", y.id, []byte(c.Path), []byte(c.Other), c.At)
		if err != nil {
			return err
		}
	}
	for _, path := range b.Resolved {
		if err := t.Run("DELETE FROM sync_conflict WHERE root = ? AND path = ?", y.id, []byte(path)); err != nil {
			return err
		}
	}
	if b.Problems == nil {
		return nil
	}
	if err := t.Run("DELETE FROM sync_problem WHERE root = ?", y.id); err != nil {
		return err
	}
	for _, p := range *b.Problems {
		err := t.Run("INSERT OR REPLACE INTO sync_problem (root, path, reason, skipped, tries, retry) VALUES (?, ?, ?, ?, ?, ?)",
			y.id, []byte(p.Path), p.Reason, p.Skipped, p.Tries, p.Retry)
		if err != nil {
			return err
		}
	}
	return nil
}

func (y *Sync) applyRoot(t db.Table, b *SyncBatch) error {
	r := b.Root
	if r == nil {
		return nil
	}
	return t.Run(`UPDATE sync_root SET remote = ?, device = ?, node = ?, epoch = ?, journal = ?, listed = ?, dev = ?, ino = ?, mark = ?, scanned = ?,
		synced = ?, sets = ? WHERE id = ?`, r.Remote, r.Device, r.Node, r.Epoch, r.Journal, r.Listed, int64(r.Dev), int64(r.Ino), r.Mark, r.Scanned, r.Synced, r.Sets, y.id)
}

package state

import "sluice/internal/db"

const (
	rootColumns = "remote, server, path, dir, device, node, epoch, journal, listed, dev, ino, mark, scanned, synced, sets"
	nodeColumns = "id, parent, name, ino, what"
	newsColumns = "id, parent, name, kind, hash, size, mode, mtime, version, deleted"
)

func readRoot(r *db.Row) SyncRoot {
	return SyncRoot{
		Remote: r.Text(0), Server: r.Text(1), Path: r.Text(2), Dir: r.Text(3), Device: r.Text(4), Node: r.Int(5), Epoch: r.Int(6),
		Journal: r.Int(7), Listed: r.Int(8) != 0, Dev: uint64(r.Int(9)), Ino: uint64(r.Int(10)), Mark: r.Text(11), Scanned: r.Int(12), Synced: r.Int(13), Sets: r.Text(14),
	}
}

func readNode(r *db.Row) (n SyncNode, err error) {
	n.ID, n.Parent, n.Name, n.Ino = r.Int(0), r.Int(1), r.Text(2), uint64(r.Int(3))
	return n, n.take(r.Bytes(4))
}

func readNews(r *db.Row) SyncNews {
	n := SyncNews{Deleted: r.Int(9) != 0}
	n.SyncEntry = SyncEntry{
		ID: r.Int(0), Parent: r.Int(1), Name: r.Text(2), Kind: uint8(r.Int(3)), Size: r.Int(5), Mode: uint32(r.Int(6)), Mtime: r.Int(7), Version: r.Int(8),
	}
	copy(n.Hash[:], r.Bytes(4))
	return n
}

// Root gives what is remembered about the folder itself.
func (y *Sync) Root() (root SyncRoot, err error) {
	err = y.read(func(t db.Table) error {
		return t.Rows("SELECT "+rootColumns+" FROM sync_root WHERE id = ?", []any{y.id}, func(r *db.Row) error {
			root = readRoot(r)
			return nil
		})
	})
	return root, err
}

// Nodes gives all agreed nodes, in no order.
func (y *Sync) Nodes(each func(n *SyncNode)) error {
	return y.nodes("SELECT "+nodeColumns+" FROM sync_node WHERE root = ?", each, y.id)
}

// Node gives one agreed node.
func (y *Sync) Node(id int64) (n SyncNode, found bool, err error) {
	err = y.nodes("SELECT "+nodeColumns+" FROM sync_node WHERE root = ? AND id = ?", func(one *SyncNode) { n, found = *one, true }, y.id, id)
	return n, found, err
}

// Children gives the agreed nodes in a folder. Of its own SQLite takes the rows' order for the better index here, and reads
// all rows of the root.
func (y *Sync) Children(parent int64, each func(n *SyncNode)) error {
	return y.nodes("SELECT "+nodeColumns+" FROM sync_node INDEXED BY sync_node_place WHERE root = ? AND parent = ?", each, y.id, parent)
}

// Child gives the agreed node of a name in a folder.
func (y *Sync) Child(parent int64, name string) (n SyncNode, found bool, err error) {
	err = y.nodes("SELECT "+nodeColumns+" FROM sync_node INDEXED BY sync_node_place WHERE root = ? AND parent = ? AND name = ?",
		func(one *SyncNode) { n, found = *one, true }, y.id, parent, []byte(name))
	return n, found, err
}

// ByIno gives the agreed nodes that had an inode here.
func (y *Sync) ByIno(ino uint64, each func(n *SyncNode)) error {
	return y.nodes("SELECT "+nodeColumns+" FROM sync_node INDEXED BY sync_node_ino WHERE root = ? AND ino = ?", each, y.id, int64(ino))
}

func (y *Sync) nodes(sql string, each func(n *SyncNode), args ...any) error {
	return y.read(func(t db.Table) error {
		return t.Rows(sql, args, func(r *db.Row) error {
			n, err := readNode(r)
			if err == nil {
				each(&n)
			}
			return err
		})
	})
}

// News gives all nodes that the server has otherwise than agreed, in no order.
func (y *Sync) News(each func(n *SyncNews)) error {
	return y.news("SELECT "+newsColumns+" FROM sync_news WHERE root = ?", each, y.id)
}

// NewsOf gives one of them.
func (y *Sync) NewsOf(id int64) (n SyncNews, found bool, err error) {
	err = y.news("SELECT "+newsColumns+" FROM sync_news WHERE root = ? AND id = ?", func(one *SyncNews) { n, found = *one, true }, y.id, id)
	return n, found, err
}

func (y *Sync) news(sql string, each func(n *SyncNews), args ...any) error {
	return y.read(func(t db.Table) error {
		return t.Rows(sql, args, func(r *db.Row) error {
			n := readNews(r)
			each(&n)
			return nil
		})
	})
}

// Count tells how many nodes are agreed and of how many there is news.
func (y *Sync) Count() (nodes, news int64, err error) {
	err = y.read(func(t db.Table) error {
		if _, err := t.Row("SELECT count(*) FROM sync_node WHERE root = ?", []any{y.id}, &nodes); err != nil {
			return err
		}
		_, err := t.Row("SELECT count(*) FROM sync_news WHERE root = ?", []any{y.id}, &news)
		return err
	})
	return nodes, news, err
}

// Problems gives the names that could not be dealt with, by path.
func (y *Sync) Problems() (all []SyncProblem, err error) {
	err = y.read(func(t db.Table) error {
		return t.Rows("SELECT path, reason, skipped, tries, retry FROM sync_problem WHERE root = ? ORDER BY path", []any{y.id}, func(r *db.Row) error {
			all = append(all, SyncProblem{r.Text(0), r.Text(1), r.Int(2) != 0, int(r.Int(3)), r.Int(4)})
			return nil
		})
	})
	return all, err
}

// Conflicts gives the files that were renamed here, by path.
func (y *Sync) Conflicts() (all []SyncConflict, err error) {
	err = y.read(func(t db.Table) error {
		return t.Rows("SELECT path, other, at FROM sync_conflict WHERE root = ? ORDER BY path", []any{y.id}, func(r *db.Row) error {
			all = append(all, SyncConflict{r.Text(0), r.Text(1), r.Int(2)})
			return nil
		})
	})
	return all, err
}

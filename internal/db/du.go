package db

// What follows goes through whole tables for those who count everything. Each calls its function for every row, until that
// gives an error; the function must not write.

// Parents goes through all folders: id and that of the folder it stands in, 0 for a namespace's root.
func (tx *Tx) Parents(each func(folder, parent int64)) error {
	return tx.rows(`SELECT id, parent FROM node WHERE kind = 2`, nil, func(r *Row) error {
		each(r.Int(0), r.Int(1))
		return nil
	})
}

// Named is a name, or a version of one that was, with a content.
type Named struct {
	Namespace, Parent, Content int64
	Size                       int64 // what is charged for it
	Deleted                    bool  // of a version: its name was deleted, not replaced
}

// Names goes through all names that have a content.
func (tx *Tx) Names(each func(Named)) error {
	return tx.rows(`SELECT namespace, parent, content, size FROM node WHERE content IS NOT NULL`, nil, func(r *Row) error {
		each(Named{Namespace: r.Int(0), Parent: r.Int(1), Content: r.Int(2), Size: r.Int(3)})
		return nil
	})
}

// PastNames goes through all past versions that have a content.
func (tx *Tx) PastNames(each func(Named)) error {
	return tx.rows(`SELECT namespace, content, size, deleted = 1 FROM past WHERE content IS NOT NULL`, nil, func(r *Row) error {
		each(Named{Namespace: r.Int(0), Content: r.Int(1), Size: r.Int(2), Deleted: r.Int(3) != 0})
		return nil
	})
}

// Holds goes through what accounts have uploaded and not named.
func (tx *Tx) Holds(each func(account, content, bytes int64)) error {
	return tx.rows(`SELECT account, content, bytes FROM hold`, nil, func(r *Row) error {
		each(r.Int(0), r.Int(1), r.Int(2))
		return nil
	})
}

// Contents goes through all contents. Hashes are left out.
func (tx *Tx) Contents(each func(c *Content)) error {
	return tx.rows(`SELECT id, size, complete, segment, offset FROM content`, nil, func(r *Row) error {
		each(&Content{ID: r.Int(0), Size: r.Int(1), Complete: r.Int(2) != 0, Segment: r.Int(3), Offset: r.Int(4)})
		return nil
	})
}

// Arrived tells how many bytes of an upload's content are there.
func (tx *Tx) Arrived(content int64) (bytes int64, err error) {
	_, err = tx.row(`SELECT ifnull(sum(size), 0) FROM chunk WHERE content = ?`, []any{content}, &bytes)
	return bytes, err
}

// Owners tells which account each namespace belongs to; 0: none.
func (tx *Tx) Owners() (map[int64]int64, error) {
	owners := make(map[int64]int64)
	err := tx.rows(`SELECT id, owner FROM namespace`, nil, func(r *Row) error {
		owners[r.Int(0)] = r.Int(1)
		return nil
	})
	return owners, err
}

package db

// Content is a row of content.
type Content struct {
	ID       int64
	Hash     []byte
	Size     int64 // -1: an upload of open size
	Complete bool
	Segment  int64 // 0: a file of its own
	Offset   int64
}

// Contents of segments and files take their numbers from blocks; block 0 is never given out, so 0 can mean "none".

// InsertContent adds a content, unless a complete one of the same hash stands there: then it answers that one's id and
// false.
func (tx *Tx) InsertContent(c *Content) (id int64, fresh bool, err error) {
	n, _, err := tx.exec(`INSERT INTO content (id, hash, size, complete, segment, offset)
		VALUES (?, ?, ?, ?, nullif(?, 0), ?) ON CONFLICT (hash) WHERE complete = 1 DO NOTHING`,
		c.ID, c.Hash, c.Size, c.Complete, c.Segment, c.Offset)
	if err != nil || n == 1 {
		return c.ID, true, err
	}
	_, err = tx.row(`SELECT id FROM content WHERE hash = ? AND complete = 1`, []any{c.Hash}, &id)
	return id, false, err
}

// CompleteContent makes an incomplete content complete. The caller has looked that no complete one has its hash.
func (tx *Tx) CompleteContent(id int64, hash []byte, size int64) error {
	_, _, err := tx.exec(`UPDATE content SET hash = ?, size = ?, complete = 1 WHERE id = ?`, hash, size, id)
	return err
}

// ContentByHash finds a complete content, whoever holds it; 0: there is none.
func (tx *Tx) ContentByHash(hash []byte) (id int64, err error) {
	_, err = tx.row(`SELECT id FROM content WHERE hash = ? AND complete = 1`, []any{hash}, &id)
	return id, err
}

// HeldContent finds a complete content that an account holds: by an upload it has not named yet, by a name or by a past
// version in one of its namespaces. It asks twice, because SQLite prepares the joined form anew for every hash (30 us to 1).
func (tx *Tx) HeldContent(account int64, hash []byte) (c Content, found bool, err error) {
	found, err = tx.row(`SELECT id, size, ifnull(segment, 0), offset FROM content WHERE hash = ? AND complete = 1`, []any{hash},
		&c.ID, &c.Size, &c.Segment, &c.Offset)
	if err != nil || !found {
		return c, false, err
	}
	c.Complete = true
	found, err = tx.row(`SELECT 1 FROM hold WHERE account = ?1 AND content = ?2
		UNION ALL SELECT 1 FROM node WHERE content = ?2 AND namespace IN (SELECT id FROM namespace WHERE owner = ?1)
		UNION ALL SELECT 1 FROM past WHERE content = ?2 AND namespace IN (SELECT id FROM namespace WHERE owner = ?1)
		LIMIT 1`, []any{account, c.ID})
	return c, found, err
}

// DeleteUnfinished removes an incomplete content that nothing refers to, with its chunks. Its file must be gone before.
func (tx *Tx) DeleteUnfinished(id int64) error {
	n, _, err := tx.exec(`DELETE FROM content WHERE id = ? AND complete = 0 AND refs = 0`, id)
	if err != nil || n == 0 {
		return err
	}
	_, _, err = tx.exec(`DELETE FROM chunk WHERE content = ?`, id)
	return err
}

// Unfinished lists incomplete contents that nothing refers to: what ended uploads leave until their files are removed.
func (tx *Tx) Unfinished(limit int) ([]int64, error) {
	return tx.numbers(`SELECT id FROM content WHERE doomed IS NOT NULL AND complete = 0 LIMIT ?`, limit)
}

// FilesBetween lists the contents from first up to, not including, end that may have a file of their own, in order.
func (tx *Tx) FilesBetween(first, end int64) ([]int64, error) {
	return tx.numbers(`SELECT id FROM content WHERE id >= ? AND id < ? AND segment IS NULL ORDER BY id`, first, end)
}

func (tx *Tx) numbers(query string, args ...any) ([]int64, error) {
	var all []int64
	err := tx.rows(query, args, func(r *Row) error {
		var n int64
		if err := r.Scan(&n); err != nil {
			return err
		}
		all = append(all, n)
		return nil
	})
	return all, err
}

package db

// Doomed is a complete content that nothing refers to.
type Doomed struct {
	ID      int64
	Size    int64
	Segment int64 // 0: a file of its own, or none as it has no bytes
	Offset  int64
	Since   int64 // nothing has referred to it, ns
}

// Doomed lists complete contents that nothing has referred to since before a time, those that wait longest first.
func (tx *Tx) Doomed(before int64, limit int) ([]Doomed, error) {
	var all []Doomed
	err := tx.rows(`SELECT id, size, segment, offset, doomed FROM content WHERE doomed < CAST(? AS INTEGER) AND complete = 1
		ORDER BY doomed LIMIT CAST(? AS INTEGER)`, []any{before, limit}, func(r *Row) error {
		all = append(all, Doomed{r.Int(0), r.Int(1), r.Int(2), r.Int(3), r.Int(4)})
		return nil
	})
	return all, err
}

// Condemn makes a content incomplete, so that nobody can find it any more, if nothing has referred to it since before a
// time; false: something does, or it is gone. What is left is as an ended upload leaves it: file, then row are removed.
func (tx *Tx) Condemn(id, before int64) (bool, error) {
	n, _, err := tx.exec(`UPDATE content SET complete = 0 WHERE id = ? AND complete = 1 AND refs = 0 AND doomed < ?`, id, before)
	return n == 1, err
}

// DeleteDoomed removes the row of a content in a segment, if nothing has referred to it since before a time; false:
// something does, or it is gone.
func (tx *Tx) DeleteDoomed(id, before int64) (bool, error) {
	n, _, err := tx.exec(`DELETE FROM content WHERE id = ? AND complete = 1 AND refs = 0 AND doomed < ?
		AND segment IS NOT NULL`, id, before)
	return n == 1, err
}

// Waiting counts complete contents that nothing refers to, and their bytes: all, and of these those that nothing has referred
// to since before a time.
type Waiting struct {
	All, AllBytes int64
	Due, DueBytes int64
	InSegments    int64 // bytes of DueBytes: their room comes back when their segments are rewritten
}

// Waiting looks at what is there for the collector.
func (tx *Tx) Waiting(before int64) (w Waiting, err error) {
	_, err = tx.row(`SELECT count(*), ifnull(sum(size), 0), count(*) FILTER (WHERE doomed < ?1),
			ifnull(sum(size) FILTER (WHERE doomed < ?1), 0),
			ifnull(sum(size) FILTER (WHERE doomed < ?1 AND segment IS NOT NULL), 0)
		FROM content WHERE doomed IS NOT NULL AND complete = 1`, []any{before},
		&w.All, &w.AllBytes, &w.Due, &w.DueBytes, &w.InSegments)
	return w, err
}

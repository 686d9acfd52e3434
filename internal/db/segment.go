package db

// InsertSegment notes a segment whose file is there; noting it again changes nothing.
func (tx *Tx) InsertSegment(id, life int64) error {
	_, _, err := tx.exec(`INSERT INTO segment (id, life) VALUES (?, ?) ON CONFLICT DO NOTHING`, id, life)
	return err
}

// SegmentsBetween lists the segments from first up to, not including, end, in order.
func (tx *Tx) SegmentsBetween(first, end int64) ([]int64, error) {
	return tx.numbers(`SELECT id FROM segment WHERE id >= ? AND id < ? ORDER BY id`, first, end)
}

// Segments lists all segments.
func (tx *Tx) Segments() ([]int64, error) { return tx.numbers(`SELECT id FROM segment ORDER BY id`) }

// LivingSegments lists the segments that hold a content.
func (tx *Tx) LivingSegments() ([]int64, error) {
	return tx.numbers(`SELECT id FROM segment
		WHERE EXISTS (SELECT 1 FROM content WHERE content.segment = segment.id) ORDER BY id`)
}

// CloseSegment notes that a segment's life appends to it no more.
func (tx *Tx) CloseSegment(id int64) error {
	return tx.run(`UPDATE segment SET closed = 1 WHERE id = ?`, id)
}

// Unmeasured lists segments nothing is appended to any more, whose size is not known yet.
func (tx *Tx) Unmeasured(limit int) ([]int64, error) {
	return tx.numbers(`SELECT id FROM segment WHERE size IS NULL
		AND (closed = 1 OR life IN (SELECT id FROM life WHERE ended IS NOT NULL)) ORDER BY id LIMIT CAST(? AS INTEGER)`, limit)
}

// InSegment tells where the last content ends that was ever in a segment, and how many bytes those have that are.
func (tx *Tx) InSegment(id int64) (end, living int64, err error) {
	_, err = tx.row(`SELECT max(ended, (SELECT ifnull(max(offset + size), 0) FROM content WHERE segment = CAST(?1 AS INTEGER))),
			(SELECT ifnull(sum(size), 0) FROM content WHERE segment = CAST(?1 AS INTEGER))
		FROM segment WHERE id = ?1`, []any{id}, &end, &living)
	return end, living, err
}

// MeasureSegment notes how long the file of a closed segment is, and how many bytes of it belong to no content.
func (tx *Tx) MeasureSegment(id, size, dead int64) error {
	return tx.run(`UPDATE segment SET closed = 1, size = ?, dead = ? WHERE id = ?`, size, dead, id)
}

// AddDead notes that contents were removed from a segment, and where the last of them ended.
func (tx *Tx) AddDead(id, bytes, end int64) error {
	return tx.run(`UPDATE segment SET dead = dead + ?, ended = max(ended, ?) WHERE id = ?`, bytes, end, id)
}

// DeadIn tells how many bytes were removed from a segment.
func (tx *Tx) DeadIn(id int64) (bytes int64, err error) {
	_, err = tx.row(`SELECT dead FROM segment WHERE id = ?`, []any{id}, &bytes)
	return bytes, err
}

// Segment is a closed segment.
type Segment struct {
	ID   int64
	Size int64 // of its file, bytes
	Dead int64 // of these, bytes that belong to no content
}

// Wasteful lists measured segments of which more than half is dead, or all, those with the least to be copied first.
func (tx *Tx) Wasteful(limit int) ([]Segment, error) {
	var all []Segment
	err := tx.rows(`SELECT id, size, dead FROM segment WHERE size IS NOT NULL AND (dead * 2 > size OR dead >= size)
		ORDER BY size - dead LIMIT CAST(? AS INTEGER)`, []any{limit}, func(r *Row) error {
		all = append(all, Segment{r.Int(0), r.Int(1), r.Int(2)})
		return nil
	})
	return all, err
}

// ContentsOf lists complete contents of a segment by their numbers, from the first one after a number on.
func (tx *Tx) ContentsOf(segment, after int64, limit int) ([]Content, error) {
	var all []Content
	err := tx.rows(`SELECT id, hash, size, offset FROM content WHERE segment = CAST(? AS INTEGER) AND id > CAST(? AS INTEGER)
		AND complete = 1 ORDER BY id LIMIT CAST(? AS INTEGER)`, []any{segment, after, limit}, func(r *Row) error {
		all = append(all, Content{ID: r.Int(0), Hash: r.Bytes(1), Size: r.Int(2), Complete: true, Segment: segment, Offset: r.Int(3)})
		return nil
	})
	return all, err
}

// MoveContent notes that a content's bytes are in another segment now; false: they are not where they were.
func (tx *Tx) MoveContent(c *Content, segment, offset int64) (bool, error) {
	n, _, err := tx.exec(`UPDATE content SET segment = ?, offset = ? WHERE id = ? AND segment = ? AND offset = ?`,
		segment, offset, c.ID, c.Segment, c.Offset)
	return n == 1, err
}

// DeleteSegment removes the row of a segment that holds nothing and whose file is gone.
func (tx *Tx) DeleteSegment(id int64) error {
	return tx.run(`DELETE FROM segment WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM content WHERE segment = ?1)`, id)
}

// Empty tells whether a segment holds nothing.
func (tx *Tx) Empty(segment int64) (bool, error) {
	held, err := tx.row(`SELECT 1 FROM content WHERE segment = ? LIMIT 1`, []any{segment})
	return !held, err
}

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

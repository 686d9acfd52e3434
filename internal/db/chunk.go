package db

// Chunk is a row of chunk: a part of a content that is synced and verified.
type Chunk struct {
	Index int64
	Size  int64
	Value []byte // BLAKE3 chaining value
}

// InsertChunk notes that a chunk is present.
func (tx *Tx) InsertChunk(content int64, c Chunk) error {
	_, _, err := tx.exec(`INSERT INTO chunk (content, idx, size, value) VALUES (?, ?, ?, ?)`, content, c.Index, c.Size, c.Value)
	return err
}

// Chunk finds a present chunk; nil: it is missing.
func (tx *Tx) Chunk(content, index int64) (*Chunk, error) {
	c := Chunk{Index: index}
	found, err := tx.row(`SELECT size, value FROM chunk WHERE content = ? AND idx = ?`, []any{content, index}, &c.Size, &c.Value)
	if err != nil || !found {
		return nil, err
	}
	return &c, nil
}

// Chunks lists the present chunks of a content in order.
func (tx *Tx) Chunks(content int64) ([]Chunk, error) {
	var all []Chunk
	err := tx.rows(`SELECT idx, size, value FROM chunk WHERE content = ? ORDER BY idx`, []any{content}, func(r *Row) error {
		var c Chunk
		err := r.Scan(&c.Index, &c.Size, &c.Value)
		all = append(all, c)
		return err
	})
	return all, err
}

// DeleteChunks removes the first chunks of an incomplete content that nothing refers to, span of them at most, and tells how many.
func (tx *Tx) DeleteChunks(content int64, span int) (int64, error) {
	n, _, err := tx.exec(`DELETE FROM chunk WHERE content = ?1
		AND idx < (SELECT min(idx) FROM chunk WHERE content = ?1) + CAST(?2 AS INTEGER)
		AND EXISTS (SELECT 1 FROM content WHERE id = ?1 AND complete = 0 AND refs = 0)`, content, span)
	return n, err
}

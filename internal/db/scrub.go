package db

// Scrub is how far the reading of all contents has come.
type Scrub struct {
	Next     int64 // the content to go on with; 0: the next round begins
	Began    int64 // ns
	Finished int64 // when the last whole round ended, ns; 0: none did
	Bad      int64 // contents found damaged in this round, or in the one that ended
}

// Scrub tells how far it has come.
func (tx *Tx) Scrub() (s Scrub, err error) {
	_, err = tx.row(`SELECT next, began, finished, bad FROM scrub WHERE one = 1`, nil, &s.Next, &s.Began, &s.Finished, &s.Bad)
	return s, err
}

// SetScrub notes how far it has come.
func (tx *Tx) SetScrub(s Scrub) error {
	return tx.run(`INSERT OR REPLACE INTO scrub (one, next, began, finished, bad) VALUES (1, ?, ?, ?, ?)`,
		s.Next, s.Began, orNull(s.Finished), s.Bad)
}

// ToScrub lists complete contents that something names, from a number on. With of > 1 only those whose number leaves part when
// divided by it.
func (tx *Tx) ToScrub(from, part, of int64, limit int) ([]Extent, error) {
	return tx.extents(`SELECT `+extentColumns+` FROM content
		WHERE id >= CAST(? AS INTEGER) AND complete AND refs > 0 AND size > 0 AND id % CAST(? AS INTEGER) = CAST(? AS INTEGER)
		ORDER BY id LIMIT CAST(? AS INTEGER)`, from, max(of, 1), part, limit)
}

// ScrubBytes sums up what there is to read.
func (tx *Tx) ScrubBytes() (contents, bytes int64, err error) {
	_, err = tx.row(`SELECT count(*), ifnull(sum(size), 0) FROM content WHERE complete AND refs > 0`, nil, &contents, &bytes)
	return contents, bytes, err
}

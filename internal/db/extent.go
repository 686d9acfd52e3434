package db

// Extent is where a content's bytes lie, for those who compare files with rows.
type Extent struct {
	ID       int64
	Segment  int64 // 0: a file of its own
	Offset   int64
	Size     int64 // -1: an upload of open size
	Need     int64 // bytes the file must have: the size of a complete one, else up to the end of the last chunk
	Complete bool
	Refs     int64
	Damaged  bool
	Hash     []byte
}

const extentColumns = `id, segment, offset, size,
	CASE WHEN complete THEN size ELSE (SELECT ifnull(max(idx * 8388608 + size), 0) FROM chunk WHERE chunk.content = content.id) END,
	complete, refs, damaged IS NOT NULL, hash`

func (tx *Tx) extents(query string, args ...any) ([]Extent, error) {
	var all []Extent
	err := tx.rows(query, args, func(r *Row) error {
		var e Extent
		err := r.Scan(&e.ID, &e.Segment, &e.Offset, &e.Size, &e.Need, &e.Complete, &e.Refs, &e.Damaged, &e.Hash)
		all = append(all, e)
		return err
	})
	return all, err
}

// Extent finds one content's; nil: it is not there.
func (tx *Tx) Extent(id int64) (*Extent, error) {
	all, err := tx.extents(`SELECT `+extentColumns+` FROM content WHERE id = ?`, id)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// OwnFiles lists the contents from first up to, not including, end that may have a file of their own, in order.
func (tx *Tx) OwnFiles(first, end int64) ([]Extent, error) {
	return tx.extents(`SELECT `+extentColumns+` FROM content
		WHERE id >= CAST(? AS INTEGER) AND id < CAST(? AS INTEGER) AND segment IS NULL ORDER BY id`, first, end)
}

// ExtentsIn lists the contents of a segment by offset.
func (tx *Tx) ExtentsIn(segment int64) ([]Extent, error) {
	return tx.extents(`SELECT `+extentColumns+` FROM content WHERE segment = CAST(? AS INTEGER) ORDER BY offset`, segment)
}

// FileGroups lists the folders, by their number, in which contents have files of their own: 1,024 numbers each.
func (tx *Tx) FileGroups() ([]int64, error) {
	return tx.numbers(`SELECT DISTINCT id >> 10 FROM content WHERE segment IS NULL AND (size <> 0 OR NOT complete) ORDER BY 1`)
}

// Owner tells whose number it is: the life, 0 for nobody's, and whether it has ended.
func (tx *Tx) Owner(number int64) (life int64, ended bool, err error) {
	_, err = tx.row(`SELECT life.id, life.ended IS NOT NULL FROM block JOIN life ON life.id = block.life
		WHERE block.id = CAST(? AS INTEGER) >> 16`, []any{number}, &life, &ended)
	return life, ended, err
}

// SegmentThere tells whether a segment has a row.
func (tx *Tx) SegmentThere(id int64) (bool, error) {
	return tx.row(`SELECT 1 FROM segment WHERE id = ?`, []any{id})
}

// SegmentOwners lists the segments with the life their row names and the one their number belongs to (0: nobody's).
func (tx *Tx) SegmentOwners(step func(id, life, owner, dead int64)) error {
	return tx.rows(`SELECT s.id, s.life, ifnull(b.life, 0), s.dead FROM segment AS s LEFT JOIN block AS b ON b.id = s.id >> 16 ORDER BY s.id`,
		nil, func(r *Row) error {
			step(r.Int(0), r.Int(1), r.Int(2), r.Int(3))
			return nil
		})
}

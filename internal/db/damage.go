package db

// Damage: contents whose bytes were found not to be what their hashes say.

// MarkDamaged notes that a complete content's bytes are not what its hash says. False: it was noted before, or the content
// is gone.
func (tx *Tx) MarkDamaged(content, at int64) (bool, error) {
	n, _, err := tx.exec(`UPDATE content SET damaged = ? WHERE id = ? AND complete = 1 AND damaged IS NULL`, at, content)
	return n > 0, err
}

// MarkDamagedAt is MarkDamaged if the content still lies where it was read.
func (tx *Tx) MarkDamagedAt(e *Extent, at int64) (bool, error) {
	n, _, err := tx.exec(`UPDATE content SET damaged = ? WHERE id = ? AND complete = 1 AND damaged IS NULL AND ifnull(segment, 0) = ? AND offset = ?`,
		at, e.ID, e.Segment, e.Offset)
	return n > 0, err
}

// MarkSound takes the mark back: its bytes were found to be right after all.
func (tx *Tx) MarkSound(content int64) error {
	return tx.run(`UPDATE content SET damaged = NULL WHERE id = ?`, content)
}

// Damaged counts the damaged contents.
func (tx *Tx) Damaged() (n int64, err error) {
	_, err = tx.row(`SELECT count(*) FROM content WHERE damaged IS NOT NULL`, nil, &n)
	return n, err
}

// namesOfDamaged begins with what is damaged, which is nearly always nothing. Of its own SQLite begins with all names of the account.
const namesOfDamaged = `SELECT node.id FROM content CROSS JOIN node ON node.content = content.id AND node.namespace = CAST(? AS INTEGER)
	WHERE content.damaged IS NOT NULL`

// NamesOfDamaged lists the nodes of a namespace that name a damaged content.
func (tx *Tx) NamesOfDamaged(namespace int64) (nodes []int64, err error) {
	err = tx.rows(namesOfDamaged, []any{namespace}, func(r *Row) error {
		nodes = append(nodes, r.Int(0))
		return nil
	})
	return nodes, err
}

// HealInSegment lets a damaged content of a segment lie where its bytes were brought anew, in a segment too: it is sound then,
// and all that name it name it still, however many they are. False: it is not damaged, or has a file of its own.
func (tx *Tx) HealInSegment(content, segment, offset int64) (bool, error) {
	before, err := tx.Extent(content)
	if err != nil || before == nil || before.Segment == 0 {
		return false, err
	}
	n, _, err := tx.exec(`UPDATE content SET segment = ?, offset = ?, damaged = NULL WHERE id = ? AND complete = 1 AND damaged IS NOT NULL`,
		segment, offset, content)
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.AddDead(before.Segment, before.Size, before.Offset+before.Size)
}

// Retire ends that a damaged content is the one its hash finds, so that another can take its place; false: it is not
// damaged. Heal must follow.
func (tx *Tx) Retire(content int64) (bool, error) {
	n, _, err := tx.exec(`UPDATE content SET complete = 0, damaged = NULL WHERE id = ? AND complete = 1 AND damaged IS NOT NULL`, content)
	return n > 0, err
}

// Heal lets all that named a retired content name its healthy twin. What is left of the retired one has no references: its
// row is gone if it lay in a segment, else it is as what an ended upload leaves.
//
// However many names it has, they change at once. That is seldom, as small contents have HealInSegment, and a name takes some
// 10 µs.
func (tx *Tx) Heal(retired, twin int64) error {
	err := tx.runEach([]string{
		`UPDATE node SET content = ?2 WHERE content = CAST(?1 AS INTEGER)`,
		`UPDATE past SET content = ?2 WHERE content = CAST(?1 AS INTEGER)`,
		`UPDATE hold SET content = ?2 WHERE content = CAST(?1 AS INTEGER)`,
	}, retired, twin)
	if err != nil {
		return err
	}
	for _, id := range []int64{retired, twin} { // no trigger sees holds change
		if err := tx.RecountReferences(id); err != nil {
			return err
		}
	}
	e, err := tx.Extent(retired)
	if err != nil || e == nil || e.Segment == 0 {
		return err
	}
	if err := tx.DeleteUnfinished(retired); err != nil {
		return err
	}
	return tx.AddDead(e.Segment, e.Size, e.Offset+e.Size)
}

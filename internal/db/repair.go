package db

// What a repair changes: counts, which follow from other rows, and marks. It never removes a row that means something.

// RecountReferences counts a content's references anew.
func (tx *Tx) RecountReferences(content int64) error {
	return tx.run(`UPDATE content SET refs = n, doomed = CASE WHEN n = 0 THEN ifnull(doomed, unixepoch() * 1000000000) END FROM (SELECT
		(SELECT count(*) FROM hold WHERE content = CAST(?1 AS INTEGER)) + (SELECT count(*) FROM node WHERE content = CAST(?1 AS INTEGER))
		+ (SELECT count(*) FROM past WHERE content = CAST(?1 AS INTEGER)) + (SELECT count(*) FROM upload WHERE content = CAST(?1 AS INTEGER)) AS n)
		WHERE id = ?1`, content)
}

// RecountCharge counts anew what an account is charged for uploads.
func (tx *Tx) RecountCharge(account int64) error {
	return tx.run(`UPDATE account SET held = (SELECT ifnull(sum(bytes), 0) FROM hold WHERE account = CAST(?1 AS INTEGER))
		+ (SELECT ifnull(sum(charged), 0) FROM upload WHERE account = CAST(?1 AS INTEGER)) WHERE id = ?1`, account)
}

// RecountUse counts anew what a namespace is charged for.
func (tx *Tx) RecountUse(namespace int64) error {
	return tx.run(`UPDATE namespace SET used = (SELECT ifnull(sum(size), 0) FROM node WHERE namespace = CAST(?1 AS INTEGER))
		+ (SELECT ifnull(sum(size), 0) FROM past WHERE namespace = CAST(?1 AS INTEGER) AND deleted <> 2) WHERE id = ?1`, namespace)
}

// RaiseJournal raises a namespace's journal to the greatest number its rows bear.
func (tx *Tx) RaiseJournal(namespace int64) error {
	err := tx.run(`UPDATE namespace SET journal = max(journal,
		(SELECT ifnull(max(version), 0) FROM node WHERE namespace = CAST(?1 AS INTEGER)),
		(SELECT ifnull(max(until), 0) FROM past WHERE namespace = CAST(?1 AS INTEGER))) WHERE id = ?1`, namespace)
	if err != nil {
		return err
	}
	return tx.momentNow(namespace)
}

// momentNow notes that a namespace's journal has come to where it is by a repair.
func (tx *Tx) momentNow(namespace int64) error {
	return tx.run(`INSERT OR IGNORE INTO moment (namespace, journal, at) SELECT id, journal, max(unixepoch() * 1000000000,
		(SELECT ifnull(max(at), 0) + 1 FROM moment WHERE namespace = CAST(?1 AS INTEGER))) FROM namespace WHERE id = ?1`, namespace)
}

// AdoptOrphan gives a node whose folder is lost a place in its namespace's root, under a name that nobody has, and the next
// number. False: it is no orphan any more.
func (tx *Tx) AdoptOrphan(node int64) (name string, done bool, err error) {
	var namespace, root, journal int64
	found, err := tx.row(`SELECT s.id, s.root, s.journal, printf('found-%d', n.id) FROM node AS n JOIN namespace AS s ON s.id = n.namespace
		WHERE n.id = ? AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = n.parent)
		AND NOT EXISTS (SELECT 1 FROM past WHERE past.node = n.parent AND deleted IN (1, 3))`, []any{node}, &namespace, &root, &journal, &name)
	if err != nil || !found {
		return "", false, err
	}
	if err := tx.run(`UPDATE namespace SET journal = ? WHERE id = ?`, journal+1, namespace); err != nil {
		return "", false, err
	}
	return name, true, tx.run(`UPDATE OR FAIL node SET parent = ?, name = CAST(? AS BLOB), version = ?, `+keepCreated+` WHERE id = ?`, root, name, journal+1, node)
}

// DropStray removes chunk and probe rows of a content that is not there.
func (tx *Tx) DropStray(content int64) error {
	return tx.runEach([]string{
		`DELETE FROM chunk WHERE content = CAST(?1 AS INTEGER) AND NOT EXISTS (SELECT 1 FROM content WHERE id = CAST(?1 AS INTEGER))`,
		`DELETE FROM probe WHERE content = CAST(?1 AS INTEGER) AND NOT EXISTS (SELECT 1 FROM content WHERE id = CAST(?1 AS INTEGER))`,
	}, content)
}

// ForgetChunk notes that a chunk of an unfinished content is not present after all.
func (tx *Tx) ForgetChunk(content, index int64) error {
	return tx.run(`DELETE FROM chunk WHERE content = ? AND idx = ? AND NOT (SELECT complete FROM content WHERE id = ?1)`, content, index)
}

package db

// Namespace is a row of namespace: a tree of names with a journal of its own.
type Namespace struct {
	ID      int64
	Owner   int64 // an account; 0: none
	Root    int64 // node
	Epoch   int64
	Journal int64 // the last number given
	Used    int64 // bytes of its node and past rows

	Forgotten int64 // deletes up to this number are not told any more
	Horizon   int64 // the tree as of an earlier number is not known any more
}

// Namespace finds a namespace; nil: there is none.
func (tx *Tx) Namespace(id int64) (*Namespace, error) {
	n := Namespace{ID: id}
	found, err := tx.row(`SELECT ifnull(owner, 0), root, epoch, journal, used, forgotten, horizon FROM namespace WHERE id = ?`, []any{id},
		&n.Owner, &n.Root, &n.Epoch, &n.Journal, &n.Used, &n.Forgotten, &n.Horizon)
	if err != nil || !found {
		return nil, err
	}
	return &n, nil
}

// SetJournal records the last number given and what the namespace is charged for.
func (tx *Tx) SetJournal(namespace, journal, used int64) error {
	return tx.run(`UPDATE namespace SET journal = ?, used = ? WHERE id = ?`, journal, used, namespace)
}

// Left tells how many bytes an account may still be charged for, less than nothing when its quota was lowered; without
// a quota limited is false.
func (tx *Tx) Left(account int64) (bytes int64, limited bool, err error) {
	limited, err = tx.row(`SELECT `+quotaOf+` - held - (SELECT ifnull(sum(used), 0) FROM namespace WHERE owner = CAST(?1 AS INTEGER))
		FROM account WHERE id = ?1 AND `+quotaOf+` IS NOT NULL`, []any{account}, &bytes)
	return bytes, limited, err
}

// ReleaseHolds removes an account's holds on contents, as far as there are any, and tells what was charged for them. The
// caller lowers account.held. contents is a JSON array of ids: one statement for a whole commit.
func (tx *Tx) ReleaseHolds(account int64, contents []byte) (bytes int64, err error) {
	if _, err := tx.row(`SELECT ifnull(sum(bytes), 0) FROM hold
		WHERE account = CAST(?1 AS INTEGER) AND content IN (SELECT value FROM json_each(?2))`,
		[]any{account, string(contents)}, &bytes); err != nil {
		return 0, err
	}
	return bytes, tx.run(`DELETE FROM hold WHERE account = CAST(?1 AS INTEGER) AND content IN (SELECT value FROM json_each(?2))`,
		account, string(contents))
}

// HeldBytes tells what an account is charged for a content it has uploaded and not named; 0: nothing.
func (tx *Tx) HeldBytes(account, content int64) (bytes int64, err error) {
	_, err = tx.row(`SELECT bytes FROM hold WHERE account = ? AND content = ?`, []any{account, content}, &bytes)
	return bytes, err
}

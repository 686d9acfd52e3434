package db

// Namespace is a row of namespace: a tree of names with a journal of its own.
type Namespace struct {
	ID      int64
	Owner   int64 // an account; 0: none
	Root    int64 // node
	Epoch   int64
	Journal int64 // the last number given
	Used    int64 // bytes of its node and past rows
}

// Namespace finds a namespace; nil: there is none.
func (tx *Tx) Namespace(id int64) (*Namespace, error) {
	n := Namespace{ID: id}
	found, err := tx.row(`SELECT ifnull(owner, 0), root, epoch, journal, used FROM namespace WHERE id = ?`, []any{id},
		&n.Owner, &n.Root, &n.Epoch, &n.Journal, &n.Used)
	if err != nil || !found {
		return nil, err
	}
	return &n, nil
}

// SetJournal records the last number given and what the namespace is charged for.
func (tx *Tx) SetJournal(namespace, journal, used int64) error {
	return tx.run(`UPDATE namespace SET journal = ?, used = ? WHERE id = ?`, journal, used, namespace)
}

package db

// Keeping is how long a namespace's past is kept, where its owner's plan says so.
type Keeping struct {
	Namespace       int64
	Versions, Trash *int64 // ns; nil: what the configuration says
}

// Keepings lists namespaces by id, those after the id after, at most limit.
func (tx *Tx) Keepings(after int64, limit int) ([]Keeping, error) {
	var list []Keeping
	err := tx.rows(`SELECT namespace.id, plan.versions, plan.trash FROM namespace
		LEFT JOIN account ON account.id = namespace.owner LEFT JOIN plan ON plan.name = account.plan
		WHERE namespace.id > ? ORDER BY namespace.id LIMIT CAST(? AS INTEGER)`, []any{after, limit}, func(r *Row) error {
		var k Keeping
		err := r.Scan(&k.Namespace, &k.Versions, &k.Trash)
		list = append(list, k)
		return err
	})
	return list, err
}

// EndedBefore lists states of a namespace that ended in one way, before a time, by rising number from the number after on
// (not included), at most limit.
func (tx *Tx) EndedBefore(namespace, how, after, at int64, limit int) ([]Past, error) {
	list, err := tx.past(`WHERE namespace = CAST(? AS INTEGER) AND deleted = CAST(? AS INTEGER) AND until > ?
		ORDER BY until LIMIT CAST(? AS INTEGER)`, namespace, how, after, limit)
	for i := range list { // later numbers ended later
		if list[i].At >= at {
			return list[:i], err
		}
	}
	return list, err
}

// DeletePast removes a state of a node.
func (tx *Tx) DeletePast(p *Past) error {
	return tx.run(`DELETE FROM past WHERE node = CAST(? AS INTEGER) AND until = CAST(? AS INTEGER)`, p.ID, p.Until)
}

// PastOf lists past states of a node, at most limit.
func (tx *Tx) PastOf(node int64, limit int) ([]Past, error) {
	return tx.past(`WHERE node = CAST(? AS INTEGER) ORDER BY until LIMIT CAST(? AS INTEGER)`, node, limit)
}

// MarkPurged gives a deleted node up: it is not told any more, and what belongs to it is to be removed. Its own bytes are
// the caller's to give back.
func (tx *Tx) MarkPurged(p *Past) error {
	return tx.run(`UPDATE past SET deleted = 3, content = NULL, size = 0 WHERE node = CAST(? AS INTEGER) AND until = CAST(? AS INTEGER)`,
		p.ID, p.Until)
}

// Purging lists deleted nodes of a namespace that are given up, at most limit.
func (tx *Tx) Purging(namespace int64, limit int) ([]Past, error) {
	return tx.past(`WHERE namespace = CAST(? AS INTEGER) AND deleted = 3 ORDER BY until LIMIT CAST(? AS INTEGER)`, namespace, limit)
}

// Forget gives a namespace's bytes back and notes up to which number deletes are not told, and before which the tree is
// not known, any more (0: as before).
func (tx *Tx) Forget(namespace, bytes, forgotten, horizon int64) error {
	return tx.run(`UPDATE namespace SET used = used - ?, forgotten = max(forgotten, ?), horizon = max(horizon, ?) WHERE id = ?`,
		bytes, forgotten, horizon, namespace)
}

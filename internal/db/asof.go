package db

// The tree as it was. A node's state as of a journal number n is its first past state that ended after n, if it had
// come by then; without one it is its row, if that had come by then. Numbers before the namespace's horizon are the
// caller's to refuse: of them not all is known.

// cameBy says that a row of node had come by the number that follows; see the schema.
const cameBy = `CASE node.created WHEN 0 THEN node.version ELSE node.created END <= `

// NodeAsOf finds a node as it was; nil: it was not.
func (tx *Tx) NodeAsOf(id, n int64) (*Node, error) {
	p, err := one(tx.past(`WHERE node = CAST(? AS INTEGER) AND until > ? ORDER BY until LIMIT 1`, id, n))
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		now, err := tx.Node(id)
		if err != nil || now == nil || now.Created > n {
			return nil, err
		}
		return now, nil
	case p.Created > n || p.Ended == Purged:
		return nil, nil
	}
	return tx.completed(&p.Node, p.Until)
}

// ChildAsOf finds a node by the name it had; nil: nothing stood there.
func (tx *Tx) ChildAsOf(parent int64, name []byte, n int64) (*Node, error) {
	list, err := tx.asOf(nil, childAsOf, parent, name, n, 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// ChildrenAsOf is Children as it was.
func (tx *Tx) ChildrenAsOf(list []Node, parent int64, after []byte, limit int, n int64) ([]Node, error) {
	if after == nil {
		after = []byte{}
	}
	return tx.asOf(list, childrenAsOf, parent, after, n, limit)
}

// asOfQuery is a folder as it was: rows that have not changed since, and past states that are the first to have ended
// since. Both come in order of name.
func asOfQuery(names string) string {
	return `SELECT ` + nodeColumns + `, 0 AS until FROM node
		WHERE parent = CAST(?1 AS INTEGER) AND name ` + names + ` CAST(?2 AS BLOB) AND ` + cameBy + `?3
			AND NOT EXISTS (SELECT 1 FROM past WHERE past.node = node.id AND past.until > ?3)
		UNION ALL
		SELECT node, namespace, parent, name, kind, content, size, mode, mtime, version,
			(SELECT hash FROM content WHERE content.id = past.content), created, until FROM past
		WHERE parent = CAST(?1 AS INTEGER) AND name ` + names + ` CAST(?2 AS BLOB) AND until > ?3 AND created <= ?3 AND deleted != 3
			AND NOT EXISTS (SELECT 1 FROM past AS first WHERE first.node = past.node AND first.until > ?3 AND first.until < past.until)
		ORDER BY 4 LIMIT CAST(?4 AS INTEGER)`
}

var childAsOf, childrenAsOf = asOfQuery("="), asOfQuery(">")

func (tx *Tx) asOf(list []Node, sql string, parent int64, name []byte, n int64, limit int) ([]Node, error) {
	type open struct {
		at    int
		until int64
	}
	var shared []open // whose content is another state's
	err := tx.rows(sql, []any{parent, name, n, limit}, func(r *Row) error {
		list = append(list, Node{})
		c := &list[len(list)-1]
		c.scan(r)
		if until := r.Int(12); until != 0 && c.Content == 0 && c.Kind != Folder {
			shared = append(shared, open{len(list) - 1, until})
		}
		return nil
	})
	for _, o := range shared {
		if err != nil {
			break
		}
		_, err = tx.completed(&list[o.at], o.until)
	}
	return list, err
}

// completed gives a past state that ended with a number the content it shares with a later one.
func (tx *Tx) completed(n *Node, until int64) (*Node, error) {
	if n.Content != 0 || n.Kind == Folder {
		return n, nil
	}
	next, err := one(tx.past(`WHERE node = CAST(? AS INTEGER) AND until > ? AND content IS NOT NULL ORDER BY until LIMIT 1`, n.ID, until))
	if err != nil {
		return nil, err
	}
	if next != nil {
		n.Content, n.Size, n.Hash = next.Content, next.Size, next.Hash
		return n, nil
	}
	now, err := tx.Node(n.ID)
	if err == nil && now != nil {
		n.Content, n.Size, n.Hash = now.Content, now.Size, now.Hash
	}
	return n, err
}

// Since gives the number of the last change by which a node ended a state up to a number; 0: none is known.
func (tx *Tx) Since(id, n int64) (since int64, err error) {
	_, err = tx.row(`SELECT max(until) FROM past WHERE node = CAST(? AS INTEGER) AND until <= ?`, []any{id, n}, &since)
	return since, err
}

// LastEnd gives how a node that is not there ended; nil: it is there, or nothing is known of it.
func (tx *Tx) LastEnd(id int64) (*Past, error) {
	return one(tx.past(`WHERE node = CAST(?1 AS INTEGER) AND NOT EXISTS (SELECT 1 FROM node WHERE id = ?1) ORDER BY until DESC LIMIT 1`, id))
}

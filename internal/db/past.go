package db

// How a past state of a node ended, as it stands in the database.
const (
	Replaced = 0 // by another content
	Deleted  = 1
	Moved    = 2 // to another place
	Purged   = 3 // a deleted folder that is not kept any more; what lies below it is being removed
)

// Past is a state of a node that has ended. Where it has no content of its own, though a file or link, it has that of the
// node's next state, which is charged for it.
type Past struct {
	Node
	Until  int64 // journal number that ended it
	Ended  int64 // how
	Device int64 // who ended it; 0: not known
	At     int64
}

// pastColumns are the columns of a past state in the order of nodeColumns, then its own.
const pastColumns = `node, namespace, parent, name, kind, content, size, mode, mtime, version,
	(SELECT hash FROM content WHERE content.id = past.content), created, until, deleted, device, at`

func (p *Past) scan(r *Row) {
	p.Node.scan(r)
	p.Until, p.Ended, p.Device, p.At = r.Int(12), r.Int(13), r.Int(14), r.Int(15)
}

// InsertPast keeps what a node was. It is as InsertNode says.
func (tx *Tx) InsertPast(p *Past) error {
	return tx.run(`INSERT OR FAIL INTO past (namespace, node, parent, name, kind, content, size, mode, mtime, version, created,
			until, deleted, device, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.Namespace, p.ID, orNull(p.Parent), p.Name, p.Kind, orNull(p.Content), p.Size, p.Mode, p.Mtime, p.Version, p.Created,
		p.Until, p.Ended, orNull(p.Device), p.At)
}

// LastPlace tells where a deleted node stood.
func (tx *Tx) LastPlace(node int64) (parent int64, name []byte, found bool, err error) {
	found, err = tx.row(`SELECT parent, name FROM past WHERE node = CAST(? AS INTEGER) AND deleted = 1 ORDER BY until DESC LIMIT 1`,
		[]any{node}, &parent, &name)
	return parent, name, found, err
}

// past reads states that have ended.
func (tx *Tx) past(sql string, args ...any) ([]Past, error) {
	var list []Past
	err := tx.rows(`SELECT `+pastColumns+` FROM past `+sql, args, func(r *Row) error {
		list = append(list, Past{})
		list[len(list)-1].scan(r)
		return nil
	})
	return list, err
}

// one is the only element of what past has read; nil: there is none.
func one(list []Past, err error) (*Past, error) {
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// Delete finds the end of a node by its number; nil: that number deleted none, or it is not kept any more.
func (tx *Tx) Delete(namespace, until int64) (*Past, error) {
	return one(tx.past(`WHERE namespace = CAST(? AS INTEGER) AND deleted = 1 AND until = CAST(? AS INTEGER)`, namespace, until))
}

// Deletes lists the deleted nodes of a namespace that have not come again, each by its last end, from the number before on
// (not included) downwards, at most limit.
func (tx *Tx) Deletes(namespace, before int64, limit int) ([]Past, error) {
	return tx.past(`WHERE namespace = CAST(? AS INTEGER) AND deleted = 1 AND until < ?
			AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = past.node)
			AND NOT EXISTS (SELECT 1 FROM past AS later WHERE later.node = past.node AND later.until > past.until)
		ORDER BY until DESC LIMIT CAST(? AS INTEGER)`, namespace, before, limit)
}

// VersionsOf lists the contents a node had, from the number before on (not included) downwards, at most limit.
func (tx *Tx) VersionsOf(node, before int64, limit int) ([]Past, error) {
	return tx.past(`WHERE node = CAST(? AS INTEGER) AND until < ? AND deleted IN (0, 1) AND (content IS NOT NULL OR kind = 2)
		ORDER BY until DESC LIMIT CAST(? AS INTEGER)`, node, before, limit)
}

// StoodAt lists the nodes that ever stood under a name in a folder and do no more, at most limit.
func (tx *Tx) StoodAt(parent int64, name []byte, limit int) ([]int64, error) {
	var list []int64
	err := tx.rows(`SELECT DISTINCT node FROM past WHERE parent = CAST(? AS INTEGER) AND name = CAST(? AS BLOB) AND deleted != 3 LIMIT CAST(? AS INTEGER)`,
		[]any{parent, name, limit}, func(r *Row) error {
			list = append(list, r.Int(0))
			return nil
		})
	return list, err
}

// Below counts what lies below a deleted folder, and its bytes, looking at no more than limit names.
func (tx *Tx) Below(folder int64, limit int) (names, bytes int64, err error) {
	_, err = tx.row(`WITH RECURSIVE below (id, size, kind) AS (
			SELECT id, size, kind FROM node WHERE parent = CAST(?1 AS INTEGER)
			UNION ALL SELECT node.id, node.size, node.kind FROM below JOIN node ON node.parent = below.id WHERE below.kind = 2
			LIMIT CAST(?2 AS INTEGER))
		SELECT count(*), ifnull(sum(size), 0) FROM below`, []any{folder, limit}, &names, &bytes)
	return names, bytes, err
}

// ShareContent makes the end of a node depend on its next state for its content: it has come again, and is charged once.
func (tx *Tx) ShareContent(namespace, until int64) error {
	return tx.run(`UPDATE past SET content = NULL, size = 0 WHERE namespace = CAST(? AS INTEGER) AND deleted = 1 AND until = CAST(? AS INTEGER)`,
		namespace, until)
}

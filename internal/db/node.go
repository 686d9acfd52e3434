package db

import "strings"

// Kinds of a node, as they stand in the database.
const (
	File   = 1
	Folder = 2
	Link   = 3
)

// Node is a row of node: a name that exists.
type Node struct {
	ID        int64
	Namespace int64
	Parent    int64 // 0: a namespace's root
	Name      []byte
	Kind      int64
	Content   int64 // 0: none
	Size      int64
	Mode      uint32
	Mtime     int64
	Version   int64
	Hash      [32]byte // of the content, where there is one; read, never written
	Created   int64    // the number with which it came (again); of a row of node read, never written
}

// nodeColumns are a node's columns with its content's hash: by a subquery, not a join, because a look at one table by a
// whole unique key is planned at once and for good. Where that is not so, equality with a bare parameter would make
// SQLite plan the statement anew at every call; CAST hides the parameter from that.
const nodeColumns = `id, namespace, parent, name, kind, content, size, mode, mtime, version,
	(SELECT hash FROM content WHERE content.id = node.content), created`

// scan fills n from nodeColumns. It is spelt out because lists of 10,000 nodes pass here.
func (n *Node) scan(r *Row) {
	n.ID, n.Namespace, n.Parent = r.Int(0), r.Int(1), r.Int(2)
	n.Name = r.Bytes(3)
	n.Kind, n.Content, n.Size = r.Int(4), r.Int(5), r.Int(6)
	n.Mode, n.Mtime, n.Version = uint32(r.Int(7)), r.Int(8), r.Int(9)
	n.Hash = [32]byte{}
	copy(n.Hash[:], r.Bytes(10))
	if n.Created = r.Int(11); n.Created == 0 {
		n.Created = n.Version
	}
}

// Node finds a node by its id; nil: there is none.
func (tx *Tx) Node(id int64) (*Node, error) {
	return tx.node(`SELECT `+nodeColumns+` FROM node WHERE id = ?`, id)
}

// Child finds a node by its name; nil: there is none.
func (tx *Tx) Child(parent int64, name []byte) (*Node, error) {
	return tx.node(`SELECT `+nodeColumns+` FROM node WHERE parent = ? AND name = ?`, parent, name)
}

func (tx *Tx) node(sql string, args ...any) (*Node, error) {
	var n *Node
	err := tx.each(sql, args, func(r *Row) (bool, error) {
		n = new(Node)
		n.scan(r)
		return false, nil
	})
	return n, err
}

// Above gives a node's parent (0: it is a root), kind and namespace.
func (tx *Tx) Above(id int64) (parent, kind, namespace int64, found bool, err error) {
	found, err = tx.row(`SELECT parent, kind, namespace FROM node WHERE id = ?`, []any{id}, &parent, &kind, &namespace)
	return parent, kind, namespace, found, err
}

// Children appends to list at most limit children of a folder, in order of name, that come after the name after (empty: from
// the first).
func (tx *Tx) Children(list []Node, parent int64, after []byte, limit int) ([]Node, error) {
	if after == nil {
		after = []byte{}
	}
	err := tx.rows(`SELECT `+nodeColumns+` FROM node
		WHERE parent = CAST(? AS INTEGER) AND name > ? ORDER BY name LIMIT CAST(? AS INTEGER)`,
		[]any{parent, after, limit}, func(r *Row) error {
			list = append(list, Node{})
			list[len(list)-1].scan(r)
			return nil
		})
	return list, err
}

// EachBelow calls each for the children of a folder that were there when last was the last node's id, in order of name, until
// it gives an error.
func (tx *Tx) EachBelow(parent, last int64, each func(id, kind, size int64) error) error {
	return tx.rows(`SELECT id, kind, size FROM node WHERE parent = CAST(? AS INTEGER) AND id <= CAST(? AS INTEGER) ORDER BY name`,
		[]any{parent, last}, func(r *Row) error { return each(r.Int(0), r.Int(1), r.Int(2)) })
}

// CopyChildren gives the folder to, which holds nothing, what EachBelow tells of the folder from: nodes of the same contents, in
// the same order, with the ids after LastNode and the versions after version. It is as InsertNode says.
//
// One statement a folder costs half of what reading and inserting the nodes does.
func (tx *Tx) CopyChildren(namespace, from, to, last, version int64) error {
	return tx.run(`INSERT OR FAIL INTO node (namespace, parent, name, kind, content, size, mode, mtime, version)
		SELECT ?1, ?2, name, kind, content, size, mode, mtime, ?3 + row_number() OVER (ORDER BY name)
		FROM node WHERE parent = CAST(?4 AS INTEGER) AND id <= CAST(?5 AS INTEGER) ORDER BY name`,
		namespace, to, version, from, last)
}

// HasChildren tells whether a folder holds anything.
func (tx *Tx) HasChildren(parent int64) (bool, error) {
	return tx.row(`SELECT 1 FROM node WHERE parent = CAST(? AS INTEGER) LIMIT 1`, []any{parent})
}

// LastNode gives the greatest node id ever given. The next node gets the next one, so within a write transaction they
// can be counted, which costs less than to ask after every insert.
func (tx *Tx) LastNode() (int64, error) {
	var seq int64
	_, err := tx.row(`SELECT seq FROM sqlite_sequence WHERE name = 'node'`, nil, &seq)
	return seq, err
}

// InsertNode adds a node, which gets the id after LastNode. After an error the transaction must be undone; after
// ErrUnique, where its name stands already, nothing has been done.
//
// This is what a first upload does for every file. OR FAIL, no function and no id in the statement keep SQLite from
// preparing to undo it by itself, which would copy all pages it touches: 7 us instead of 17.
func (tx *Tx) InsertNode(n *Node) error {
	return tx.run(insertNode, n.values(nil)...)
}

// InsertNodes is InsertNode for many. After any error the transaction must be undone.
func (tx *Tx) InsertNodes(all []Node) error {
	args := make([]any, 0, rowsAtOnce*9)
	for len(all) >= rowsAtOnce {
		args = args[:0]
		for i := range rowsAtOnce {
			args = all[i].values(args)
		}
		if err := tx.run(insertNodes, args...); err != nil {
			return err
		}
		all = all[rowsAtOnce:]
	}
	for i := range all {
		if err := tx.InsertNode(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// rowsAtOnce is how many rows one statement inserts where there are many: most of a small insert is to begin and to end
// it. Measured: 10 rows halve the cost of each, 25 gain nothing more.
const rowsAtOnce = 10

const insertNode = `INSERT OR FAIL INTO node (namespace, parent, name, kind, content, size, mode, mtime, version)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

var insertNodes = insertNode + strings.Repeat(", (?, ?, ?, ?, ?, ?, ?, ?, ?)", rowsAtOnce-1)

func (n *Node) values(to []any) []any {
	return append(to, n.Namespace, orNull(n.Parent), n.Name, n.Kind, orNull(n.Content), n.Size, n.Mode, n.Mtime, n.Version)
}

// orNull is NULL for 0.
func orNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// keepCreated is part of every statement that gives a node another version: until then its version was the number with
// which it came.
const keepCreated = `created = CASE created WHEN 0 THEN version ELSE created END`

// InsertNodeAgain is InsertNode for a node that was deleted: it keeps its id.
func (tx *Tx) InsertNodeAgain(n *Node) error {
	return tx.run(`INSERT OR FAIL INTO node (id, namespace, parent, name, kind, content, size, mode, mtime, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, n.values([]any{n.ID})...)
}

// SetContent replaces what a node holds and its metadata.
func (tx *Tx) SetContent(n *Node) error {
	return tx.run(`UPDATE node SET kind = ?, content = ?, size = ?, mode = ?, mtime = ?, version = ?, `+keepCreated+` WHERE id = ?`,
		n.Kind, orNull(n.Content), n.Size, n.Mode, n.Mtime, n.Version, n.ID)
}

// SetMeta replaces a node's metadata.
func (tx *Tx) SetMeta(n *Node) error {
	return tx.run(`UPDATE node SET mode = ?, mtime = ?, version = ?, `+keepCreated+` WHERE id = ?`, n.Mode, n.Mtime, n.Version, n.ID)
}

// SetVersion gives a node another version and leaves all else.
func (tx *Tx) SetVersion(id, version int64) error {
	return tx.run(`UPDATE node SET version = ?, `+keepCreated+` WHERE id = ?`, version, id)
}

// MoveNode gives a node another place.
func (tx *Tx) MoveNode(n *Node) error {
	return tx.run(`UPDATE node SET parent = ?, name = ?, version = ?, `+keepCreated+` WHERE id = ?`, n.Parent, n.Name, n.Version, n.ID)
}

// DeleteNode removes a node's row. What lies below it stays, out of reach.
func (tx *Tx) DeleteNode(id int64) error {
	return tx.run(`DELETE FROM node WHERE id = ?`, id)
}

// Change is what became of one node: its row, or with Deleted the number that ended it as Version.
type Change struct {
	Node
	Deleted bool
}

// Changes calls step, in order of number, for the nodes of a namespace whose version is greater than since, and for those
// deleted by a greater number and not back, until it says false.
func (tx *Tx) Changes(namespace, since int64, step func(c *Change) (more bool, err error)) error {
	var c Change
	return tx.each(`SELECT `+nodeColumns+`, 0 FROM node
		WHERE namespace = CAST(?1 AS INTEGER) AND version > ?2
		UNION ALL
		SELECT node, namespace, parent, name, kind, NULL, size, mode, mtime, until, NULL, created, 1
		FROM past WHERE namespace = CAST(?1 AS INTEGER) AND deleted = 1 AND until > ?2
			AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = past.node)
			AND NOT EXISTS (SELECT 1 FROM past AS later WHERE later.node = past.node AND later.until > past.until)
		ORDER BY 10`,
		[]any{namespace, since}, func(r *Row) (bool, error) {
			c.Node.scan(r)
			c.Deleted = r.Int(12) != 0
			return step(&c)
		})
}

package db

// Past is how a version of a node ended.
type Past struct {
	Node
	Until   int64 // journal number that ended it
	Deleted bool  // the node is gone; otherwise its content was replaced
	Device  int64 // who ended it
	At      int64
}

// InsertPast keeps what a node was. It is as InsertNode says.
func (tx *Tx) InsertPast(p *Past) error {
	return tx.run(`INSERT OR FAIL INTO past (namespace, node, parent, name, kind, content, size, mode, mtime, version, until, deleted, device, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.Namespace, p.ID, orNull(p.Parent), p.Name, p.Kind, orNull(p.Content), p.Size, p.Mode, p.Mtime, p.Version,
		p.Until, p.Deleted, p.Device, p.At)
}

// LastPlace tells where a deleted node stood.
func (tx *Tx) LastPlace(node int64) (parent int64, name []byte, found bool, err error) {
	found, err = tx.row(`SELECT parent, name FROM past WHERE node = CAST(? AS INTEGER) AND deleted = 1 ORDER BY id DESC LIMIT 1`,
		[]any{node}, &parent, &name)
	return parent, name, found, err
}

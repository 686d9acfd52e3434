package db

// Probe is a content's size and the hashes of a few of its ranges.
type Probe struct {
	Size               int64
	Head, Middle, Tail [16]byte
}

// InsertProbe notes a content's probe, in place of what an upload's client had said.
func (tx *Tx) InsertProbe(content int64, p *Probe) error {
	_, _, err := tx.exec(`INSERT OR REPLACE INTO probe (content, size, head, middle, tail) VALUES (?, ?, ?, ?, ?)`,
		content, p.Size, p.Head[:], p.Middle[:], p.Tail[:])
	return err
}

// DeleteProbe removes the probe of a content that goes.
func (tx *Tx) DeleteProbe(content int64) error {
	_, _, err := tx.exec(`DELETE FROM probe WHERE content = ?`, content)
	return err
}

// Of contents with the same ranges, 256 are looked at: the starts of empty disk images are all the same.

// HeldProbe finds a complete content of this size and probe that an account holds; nil: there is none.
func (tx *Tx) HeldProbe(account int64, p *Probe) (hash []byte, err error) {
	_, err = tx.row(`SELECT hash FROM content AS known WHERE id IN
			(SELECT content FROM probe WHERE head = CAST(?1 AS BLOB) AND size = CAST(?3 AS INTEGER)
				AND middle = CAST(?4 AS BLOB) AND tail = CAST(?5 AS BLOB) LIMIT 256)
		AND complete = 1 AND damaged IS NULL AND `+heldBySecond+` LIMIT 1`,
		[]any{p.Head[:], account, p.Size, p.Middle[:], p.Tail[:]}, &hash)
	return hash, err
}

// Relative finds the largest complete content an account holds that begins or ends as the probe says; nil: there is none.
func (tx *Tx) Relative(account int64, p *Probe) (hash []byte, size int64, err error) {
	for _, by := range []struct {
		sql  string
		part []byte
	}{
		{`SELECT hash, size FROM content AS known WHERE id IN (SELECT content FROM probe WHERE head = CAST(?1 AS BLOB) ORDER BY size DESC LIMIT 256)
			AND complete = 1 AND damaged IS NULL AND ` + heldBySecond + ` ORDER BY size DESC LIMIT 1`, p.Head[:]},
		{`SELECT hash, size FROM content AS known WHERE id IN (SELECT content FROM probe WHERE tail = CAST(?1 AS BLOB) ORDER BY size DESC LIMIT 256)
			AND complete = 1 AND damaged IS NULL AND ` + heldBySecond + ` ORDER BY size DESC LIMIT 1`, p.Tail[:]},
	} {
		var h []byte
		var n int64
		found, err := tx.row(by.sql, []any{by.part, account}, &h, &n)
		if err != nil {
			return nil, 0, err
		}
		if found && n > size {
			hash, size = h, n
		}
	}
	return hash, size, nil
}

// UploadByProbe finds an account's first upload after another whose client has said this size and probe; 0: there is none.
func (tx *Tx) UploadByProbe(account int64, p *Probe, after int64) (id int64, err error) {
	_, err = tx.row(`SELECT upload.id FROM upload JOIN probe ON probe.content = upload.content
		WHERE upload.account = CAST(? AS INTEGER) AND upload.id > CAST(? AS INTEGER) AND probe.size = CAST(? AS INTEGER)
			AND probe.head = CAST(? AS BLOB) AND probe.middle = CAST(? AS BLOB) AND probe.tail = CAST(? AS BLOB)
		ORDER BY upload.id LIMIT 1`,
		[]any{account, after, p.Size, p.Head[:], p.Middle[:], p.Tail[:]}, &id)
	return id, err
}

// Unprobed lists complete contents with a file of their own and at least so many bytes that have no probe, after one, in
// order.
func (tx *Tx) Unprobed(after, least int64, limit int) ([]Content, error) {
	var all []Content
	err := tx.rows(`SELECT id, size FROM content WHERE id > ? AND complete = 1 AND size >= ? AND segment IS NULL AND damaged IS NULL
		AND NOT EXISTS (SELECT 1 FROM probe WHERE probe.content = content.id) ORDER BY id LIMIT ?`, []any{after, least, limit}, func(r *Row) error {
		all = append(all, Content{ID: r.Int(0), Size: r.Int(1), Complete: true})
		return nil
	})
	return all, err
}

// AddProbe notes the probe of a complete content, if that is still there and has none.
func (tx *Tx) AddProbe(content int64, p *Probe) error {
	_, _, err := tx.exec(`INSERT OR IGNORE INTO probe (content, size, head, middle, tail)
		SELECT id, ?2, ?3, ?4, ?5 FROM content WHERE id = ?1 AND complete = 1`, content, p.Size, p.Head[:], p.Middle[:], p.Tail[:])
	return err
}

package db

// Repeat is a row of repeat: the reply of a changing request.
type Repeat struct {
	Account int64
	Key     []byte
	Device  int64
	Type    int64
	Request []byte // BLAKE3 of the header
	Reply   []byte
	At      int64
}

// Repeat finds the stored reply of an account's key; nil: there is none.
func (tx *Tx) Repeat(account int64, key []byte) (*Repeat, error) {
	r := Repeat{Account: account, Key: key}
	found, err := tx.row(`SELECT device, type, request, reply, at FROM repeat WHERE account = ? AND key = ?`, []any{account, key},
		&r.Device, &r.Type, &r.Request, &r.Reply, &r.At)
	if err != nil || !found {
		return nil, err
	}
	return &r, nil
}

// InsertRepeat stores a reply. It is as InsertNode says.
func (tx *Tx) InsertRepeat(r Repeat) error {
	return tx.run(`INSERT OR FAIL INTO repeat (account, key, device, type, request, at, reply) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		r.Account, r.Key, r.Device, r.Type, r.Request, r.At, r.Reply)
}

// DeleteRepeat forgets a reply whose change was taken back.
func (tx *Tx) DeleteRepeat(account int64, key []byte) error {
	_, _, err := tx.exec(`DELETE FROM repeat WHERE account = ? AND key = ?`, account, key)
	return err
}

// SweepRepeats forgets at most limit replies from before a time and answers how many.
func (tx *Tx) SweepRepeats(before int64, limit int) (int, error) {
	n, _, err := tx.exec(`DELETE FROM repeat WHERE id IN (SELECT id FROM repeat WHERE at < ? LIMIT ?)`, before, limit)
	return int(n), err
}

package db

// Secret is what the server signs its challenges with; nil: there is none.
func (tx *Tx) Secret() (key []byte, err error) {
	_, err = tx.row(`SELECT key FROM secret WHERE one = 1`, nil, &key)
	return key, err
}

// NonceUsed tells whether a nonce was used.
func (tx *Tx) NonceUsed(id []byte) (bool, error) {
	return tx.row(`SELECT 1 FROM nonce WHERE id = ?`, []any{id})
}

// UseNonce notes that a nonce, which ends at a time, is used; false: it was already.
func (tx *Tx) UseNonce(id []byte, until int64) (first bool, err error) {
	n, _, err := tx.exec(`INSERT INTO nonce (id, until) VALUES (?, ?) ON CONFLICT DO NOTHING`, id, until)
	return n == 1, err
}

// SweepNonces forgets at most limit nonces that ended before a time and answers how many.
func (tx *Tx) SweepNonces(before int64, limit int) (int, error) {
	n, _, err := tx.exec(`DELETE FROM nonce WHERE id IN (SELECT id FROM nonce WHERE until < ? LIMIT ?)`, before, limit)
	return int(n), err
}

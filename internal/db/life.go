package db

// InsertLife begins a life and answers its number.
func (tx *Tx) InsertLife(pid, slot int, now int64) (int64, error) {
	_, id, err := tx.exec(`INSERT INTO life (pid, slot, began) VALUES (?, ?, ?)`, pid, slot, now)
	return id, err
}

// EndLife notes that a life is over and that nothing is left of it to clean.
func (tx *Tx) EndLife(id, now int64) error {
	_, _, err := tx.exec(`UPDATE life SET ended = ? WHERE id = ?`, now, id)
	return err
}

// Unended lists the lives that run or died, of one slot, or of all for slot below -1.
func (tx *Tx) Unended(slot int) ([]int64, error) {
	return tx.numbers(`SELECT id FROM life WHERE ended IS NULL AND (slot = ?1 OR ?1 < -1) ORDER BY id`, slot)
}

// TakeBlock gives a life the next block of numbers.
func (tx *Tx) TakeBlock(life int64) (block int64, err error) {
	if _, err = tx.row(`UPDATE server SET next_block = next_block + 1 RETURNING next_block - 1`, nil, &block); err != nil {
		return 0, err
	}
	_, _, err = tx.exec(`INSERT INTO block (id, life) VALUES (?, ?)`, block, life)
	return block, err
}

// Blocks lists the blocks a life took.
func (tx *Tx) Blocks(life int64) ([]int64, error) {
	return tx.numbers(`SELECT id FROM block WHERE life = ? ORDER BY id`, life)
}

// ServerID is the id of the data folder; nil: it has none yet.
func (tx *Tx) ServerID() (uuid []byte, err error) {
	_, err = tx.row(`SELECT uuid FROM server WHERE one = 1`, nil, &uuid)
	return uuid, err
}

// InsertServer gives a new data folder its id. Block 0 is never given out, so number 0 can mean "none".
func (tx *Tx) InsertServer(uuid []byte, now int64) error {
	_, _, err := tx.exec(`INSERT INTO server (one, uuid, created, next_block) VALUES (1, ?, ?, 1)`, uuid, now)
	return err
}

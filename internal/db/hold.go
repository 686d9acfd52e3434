package db

// InsertHold notes that an account uploaded a content which it does not hold otherwise. The caller charges it. It is as
// InsertNode says.
func (tx *Tx) InsertHold(account, content, bytes, at int64) error {
	return tx.run(`INSERT OR FAIL INTO hold (account, content, bytes, at) VALUES (?, ?, ?, ?)`, account, content, bytes, at)
}

// InsertHolds is InsertHold for all contents numbered from first to last, which are new, in one statement.
func (tx *Tx) InsertHolds(account, first, last, at int64) error {
	return tx.run(`INSERT OR FAIL INTO hold (account, content, bytes, at)
		SELECT ?1, id, size, ?4 FROM content WHERE id BETWEEN CAST(?2 AS INTEGER) AND CAST(?3 AS INTEGER)`, account, first, last, at)
}

// Charge raises what an account is charged for uploads, unless that would take it over its quota: then false. Less may
// always be charged.
func (tx *Tx) Charge(account, bytes int64) (fits bool, err error) {
	n, _, err := tx.exec(`UPDATE account SET held = held + ?2 WHERE id = ?1 AND (?2 <= 0 OR `+quotaOf+` IS NULL
		OR held + ?2 + (SELECT ifnull(sum(used), 0) FROM namespace WHERE owner = ?1) <= `+quotaOf+`)`, account, bytes)
	return n == 1, err
}

// Room tells whether an account could be charged for so many bytes more.
func (tx *Tx) Room(account, bytes int64) (fits bool, err error) {
	return tx.row(`SELECT 1 FROM account WHERE id = ?1 AND (`+quotaOf+` IS NULL
		OR held + ?2 + (SELECT ifnull(sum(used), 0) FROM namespace WHERE owner = ?1) <= `+quotaOf+`)`, []any{account, bytes})
}

// SweepHolds removes at most limit holds that began before a time and gives their bytes back to their accounts. It
// answers how many it removed.
func (tx *Tx) SweepHolds(before int64, limit int) (int, error) {
	type hold struct{ account, content, bytes int64 }
	var old []hold
	err := tx.rows(`SELECT account, content, bytes FROM hold WHERE at < ? LIMIT ?`, []any{before, limit}, func(r *Row) error {
		var h hold
		err := r.Scan(&h.account, &h.content, &h.bytes)
		old = append(old, h)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, h := range old {
		if _, _, err := tx.exec(`DELETE FROM hold WHERE account = ? AND content = ?`, h.account, h.content); err != nil {
			return 0, err
		}
		if _, err := tx.Charge(h.account, -h.bytes); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}

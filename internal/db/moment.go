package db

// Moment says when a commit was, and whose.
type Moment struct {
	Journal int64 // the number it ended with
	At      int64 // greater than all before it in its namespace, whatever the clock did
	Device  int64 // 0: not known
}

// InsertMoment notes a commit.
func (tx *Tx) InsertMoment(namespace int64, m Moment) error {
	return tx.run(`INSERT OR FAIL INTO moment (namespace, journal, at, device) VALUES (?, ?, ?, ?)`, namespace, m.Journal, m.At, orNull(m.Device))
}

func (tx *Tx) moment(sql string, args ...any) (m Moment, found bool, err error) {
	found, err = tx.row(`SELECT journal, at, device FROM moment WHERE namespace = CAST(? AS INTEGER) `+sql, args, &m.Journal, &m.At, &m.Device)
	return m, found, err
}

// LastMoment gives a namespace's latest commit.
func (tx *Tx) LastMoment(namespace int64) (m Moment, found bool, err error) {
	return tx.moment(`ORDER BY journal DESC LIMIT 1`, namespace)
}

// MomentAt gives the last commit that was not after a time.
func (tx *Tx) MomentAt(namespace, at int64) (m Moment, found bool, err error) {
	return tx.moment(`AND at <= ? ORDER BY at DESC LIMIT 1`, namespace, at)
}

// MomentOf gives the commit that a journal number belongs to.
func (tx *Tx) MomentOf(namespace, journal int64) (m Moment, found bool, err error) {
	return tx.moment(`AND journal >= ? ORDER BY journal LIMIT 1`, namespace, journal)
}

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

// MomentBefore gives the last commit before the one that ended with a number.
func (tx *Tx) MomentBefore(namespace, journal int64) (m Moment, found bool, err error) {
	return tx.moment(`AND journal < ? ORDER BY journal DESC LIMIT 1`, namespace, journal)
}

// MomentKey names a moment.
type MomentKey struct{ Namespace, Journal int64 }

// SpareMoments lists moments before a time that are followed by another one of the same device within the same span of
// time, at most limit. It reads them all.
func (tx *Tx) SpareMoments(before, span int64, limit int) ([]MomentKey, error) {
	var list []MomentKey
	err := tx.rows(`SELECT namespace, journal FROM (SELECT namespace, journal, at, device, lead(at) OVER next AS later, lead(device) OVER next AS who
			FROM moment WINDOW next AS (PARTITION BY namespace ORDER BY journal))
		WHERE later < ?1 AND later / CAST(?2 AS INTEGER) = at / CAST(?2 AS INTEGER) AND device IS who LIMIT CAST(?3 AS INTEGER)`,
		[]any{before, span, limit}, func(r *Row) error {
			list = append(list, MomentKey{r.Int(0), r.Int(1)})
			return nil
		})
	return list, err
}

// DeleteMoments removes moments.
func (tx *Tx) DeleteMoments(keys []MomentKey) error {
	for _, k := range keys {
		if err := tx.run(`DELETE FROM moment WHERE namespace = ? AND journal = ?`, k.Namespace, k.Journal); err != nil {
			return err
		}
	}
	return nil
}

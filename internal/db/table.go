package db

// Table runs statements of another room's own schema: the client's state keeps its SQL to itself and uses this package
// for the rest. Text, arguments and destinations are as told at Tx. The server's store never uses it.
type Table struct{ tx *Tx }

// TableOf gives the statements of tx.
func TableOf(tx *Tx) Table { return Table{tx} }

// Exec runs a statement that gives no rows.
func (t Table) Exec(sql string, args ...any) (affected, lastID int64, err error) {
	return t.tx.exec(sql, args...)
}

// Run is Exec for those who ask neither count nor rowid; it costs half.
func (t Table) Run(sql string, args ...any) error { return t.tx.run(sql, args...) }

// Row reads at most one row into dest.
func (t Table) Row(sql string, args []any, dest ...any) (found bool, err error) {
	return t.tx.row(sql, args, dest...)
}

// Rows calls scan for every row, until it gives an error.
func (t Table) Rows(sql string, args []any, scan func(r *Row) error) error {
	return t.tx.rows(sql, args, scan)
}

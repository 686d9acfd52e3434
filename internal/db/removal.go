package db

import "strconv"

// An account that is being removed has a name that begins with a zero byte, as none that somebody was given does: its own
// is free for another.

// DisableAccount begins the removal of an account: from now on nobody can log in to it, its devices are gone and nobody may do
// anything in its namespace, whose next number is given to that. What it holds is still to be removed.
func (tx *Tx) DisableAccount(a *Account) error {
	name := strconv.AppendInt([]byte{0}, a.ID, 10)
	if err := tx.run(`UPDATE account SET name = ?, password = '', plan = NULL WHERE id = ?`, name, a.ID); err != nil {
		return err
	}
	if err := tx.run(`DELETE FROM device WHERE account = CAST(? AS INTEGER)`, a.ID); err != nil {
		return err
	}
	return tx.run(`UPDATE namespace SET owner = NULL, journal = journal + 1 WHERE id = ?`, a.Namespace)
}

// DisabledAccounts lists the accounts that are being removed.
func (tx *Tx) DisabledAccounts() ([]Account, error) {
	var all []Account
	err := tx.rows(`SELECT `+accountColumns+` FROM account WHERE name < X'01' ORDER BY id`, nil, func(r *Row) error {
		all = append(all, Account{})
		return r.Scan(all[len(all)-1].dest()...)
	})
	return all, err
}

// HoldsOf lists the contents an account has uploaded and not named, after one, at most limit. It reads all holds there are
// in between.
func (tx *Tx) HoldsOf(account, after int64, limit int) ([]int64, error) {
	return tx.numbers(`SELECT content FROM hold WHERE content > ? AND account = CAST(? AS INTEGER) ORDER BY content LIMIT CAST(? AS INTEGER)`,
		after, account, limit)
}

// DeleteRepeats forgets at most limit replies to an account and tells how many.
func (tx *Tx) DeleteRepeats(account int64, limit int) (int, error) {
	n, _, err := tx.exec(`DELETE FROM repeat WHERE id IN (SELECT id FROM repeat WHERE account = CAST(? AS INTEGER) LIMIT CAST(? AS INTEGER))`,
		account, limit)
	return int(n), err
}

// DeleteMomentsOf removes at most limit moments of a namespace and tells how many.
func (tx *Tx) DeleteMomentsOf(namespace int64, limit int) (int, error) {
	n, _, err := tx.exec(`DELETE FROM moment WHERE namespace = ?1 AND journal IN
		(SELECT journal FROM moment WHERE namespace = CAST(?1 AS INTEGER) LIMIT CAST(?2 AS INTEGER))`, namespace, limit)
	return int(n), err
}

// DeleteAccount ends the removal of an account: its namespace, of which only the root is left, and its own row, with what
// a request that was on its way has still brought it. The triggers doom what nobody else refers to.
func (tx *Tx) DeleteAccount(a *Account) error {
	err := tx.runEach([]string{
		`DELETE FROM device WHERE account = CAST(? AS INTEGER)`,
		`DELETE FROM upload WHERE account = CAST(? AS INTEGER)`,
		`DELETE FROM hold WHERE account = CAST(? AS INTEGER)`,
		`DELETE FROM repeat WHERE account = CAST(? AS INTEGER)`,
		`DELETE FROM account WHERE id = CAST(? AS INTEGER)`,
	}, a.ID)
	if err != nil {
		return err
	}
	return tx.runEach([]string{
		`DELETE FROM past WHERE namespace = CAST(? AS INTEGER)`,
		`DELETE FROM node WHERE namespace = CAST(? AS INTEGER)`,
		`DELETE FROM moment WHERE namespace = CAST(? AS INTEGER)`,
		`DELETE FROM namespace WHERE id = CAST(? AS INTEGER)`,
	}, a.Namespace)
}

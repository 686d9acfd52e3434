package db

// Account is a row of account.
type Account struct {
	ID        int64
	Name      []byte
	Password  string // argon2id in PHC form
	Quota     int64  // bytes, its own or its plan's; 0: none
	Held      int64
	Namespace int64
	Created   int64
	Plan      string // empty: none
}

// quotaOf is an account's quota: its own, or that of its plan. NULL: none.
const quotaOf = `ifnull(account.quota, (SELECT plan.quota FROM plan WHERE plan.name = account.plan))`

const accountColumns = `account.id, account.name, account.password, ifnull(` + quotaOf + `, 0), account.held, account.namespace, account.created,
	account.plan`

func (a *Account) dest() []any {
	return []any{&a.ID, &a.Name, &a.Password, &a.Quota, &a.Held, &a.Namespace, &a.Created, &a.Plan}
}

// AccountByName finds an account by its name; nil: there is none, or it is being removed.
func (tx *Tx) AccountByName(name []byte) (*Account, error) {
	var a Account
	found, err := tx.row(`SELECT `+accountColumns+` FROM account WHERE name = ? AND name >= X'01'`, []any{name}, a.dest()...)
	if err != nil || !found {
		return nil, err
	}
	return &a, nil
}

// Account finds an account by its id; nil: there is none.
func (tx *Tx) Account(id int64) (*Account, error) {
	var a Account
	found, err := tx.row(`SELECT `+accountColumns+` FROM account WHERE id = ?`, []any{id}, a.dest()...)
	if err != nil || !found {
		return nil, err
	}
	return &a, nil
}

// AccountUsage is an account with what its home namespace is charged for.
type AccountUsage struct {
	Account
	Used int64
}

// Accounts lists all accounts by name, but for those that are being removed.
func (tx *Tx) Accounts() ([]AccountUsage, error) {
	var all []AccountUsage
	err := tx.rows(`SELECT `+accountColumns+`, namespace.used
		FROM account JOIN namespace ON namespace.id = account.namespace WHERE account.name >= X'01' ORDER BY account.name`, nil,
		func(r *Row) error {
			var u AccountUsage
			if err := r.Scan(append(u.dest(), &u.Used)...); err != nil {
				return err
			}
			all = append(all, u)
			return nil
		})
	return all, err
}

// InsertAccount adds an account with its home namespace and that one's root folder. quota 0 means none.
func (tx *Tx) InsertAccount(name []byte, password string, quota, epoch, now int64) error {
	_, namespace, err := tx.exec(`INSERT INTO namespace (root, epoch, journal) VALUES (0, ?, 1)`, epoch)
	if err != nil {
		return err
	}
	_, root, err := tx.exec(`INSERT INTO node (namespace, parent, name, kind, mode, mtime, version)
		VALUES (?, NULL, X'', 2, 493, ?, 1)`, namespace, now) // 493 = 0755; to make the root was change 1
	if err != nil {
		return err
	}
	_, account, err := tx.exec(`INSERT INTO account (name, password, quota, namespace, created)
		VALUES (?, ?, nullif(?, 0), ?, ?)`, name, password, quota, namespace, now)
	if err != nil {
		return err
	}
	if _, _, err = tx.exec(`UPDATE namespace SET owner = ?, root = ? WHERE id = ?`, account, root, namespace); err != nil {
		return err
	}
	return tx.InsertMoment(namespace, Moment{Journal: 1, At: now})
}

// SetPassword replaces an account's password.
func (tx *Tx) SetPassword(account int64, password string) error {
	_, _, err := tx.exec(`UPDATE account SET password = ? WHERE id = ?`, password, account)
	return err
}

// SetQuota replaces an account's own quota; 0 means none of its own.
func (tx *Tx) SetQuota(account, quota int64) error {
	_, _, err := tx.exec(`UPDATE account SET quota = nullif(?, 0) WHERE id = ?`, quota, account)
	return err
}

package db

// Plan is a row of plan: limits that accounts share.
type Plan struct {
	Name     string
	Quota    *int64 // bytes; nil: none
	Versions *int64 // how long replaced contents are kept, ns; nil: what the configuration says
	Trash    *int64 // how long deleted names are kept, ns; nil: what the configuration says
	Users    int64  // accounts that have it; read, never written
}

const planColumns = `name, quota, versions, trash, (SELECT count(*) FROM account WHERE account.plan = plan.name)`

func (p *Plan) dest() []any { return []any{&p.Name, &p.Quota, &p.Versions, &p.Trash, &p.Users} }

// Plan finds a plan; nil: there is none.
func (tx *Tx) Plan(name string) (*Plan, error) {
	var p Plan
	found, err := tx.row(`SELECT `+planColumns+` FROM plan WHERE name = ?`, []any{name}, p.dest()...)
	if err != nil || !found {
		return nil, err
	}
	return &p, nil
}

// Plans lists all plans by name.
func (tx *Tx) Plans() ([]Plan, error) {
	var all []Plan
	err := tx.rows(`SELECT `+planColumns+` FROM plan ORDER BY name`, nil, func(r *Row) error {
		var p Plan
		err := r.Scan(p.dest()...)
		all = append(all, p)
		return err
	})
	return all, err
}

// SetPlan adds a plan or replaces what it says.
func (tx *Tx) SetPlan(p *Plan) error {
	return tx.run(`INSERT INTO plan (name, quota, versions, trash) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (name) DO UPDATE SET quota = ?2, versions = ?3, trash = ?4`, p.Name, p.Quota, p.Versions, p.Trash)
}

// DeletePlan removes a plan.
func (tx *Tx) DeletePlan(name string) error { return tx.run(`DELETE FROM plan WHERE name = ?`, name) }

// SetAccountPlan gives an account a plan; empty: none.
func (tx *Tx) SetAccountPlan(account int64, plan string) error {
	return tx.run(`UPDATE account SET plan = nullif(?, '') WHERE id = ?`, plan, account)
}

package store

import (
	"errors"
	"fmt"
	"time"

	"sluice/internal/db"
)

// Plan is limits that accounts share.
type Plan struct {
	Name     string
	Quota    int64         // bytes; 0: none
	Versions time.Duration // how long replaced contents are kept; 0: what the configuration says
	Trash    time.Duration // how long deleted names are kept; 0: what the configuration says
	Users    int64         // accounts that have it
}

// PlanChange is what of a plan is to change; nil: not that.
type PlanChange struct {
	Quota           *int64         // 0: none
	Versions, Trash *time.Duration // 0: what the configuration says
}

// ErrPlanUsed is why a plan cannot be removed.
var ErrPlanUsed = errors.New("accounts have it: give them another one first")

// Plans lists all plans by name.
func (s *Store) Plans() ([]Plan, error) {
	var plans []Plan
	err := s.read(func(tx *db.Tx) error {
		all, err := tx.Plans()
		for _, p := range all {
			plans = append(plans, Plan{p.Name, orZero(p.Quota), time.Duration(orZero(p.Versions)), time.Duration(orZero(p.Trash)), p.Users})
		}
		return err
	})
	return plans, err
}

// PlanSet changes a plan, or adds it. It holds for all its accounts from now on.
func (s *Store) PlanSet(name string, c PlanChange) error {
	if err := checkUser(name); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	return s.writeAnyway(func(tx *db.Tx) error {
		p, err := tx.Plan(name)
		if err != nil {
			return err
		}
		if p == nil {
			p = &db.Plan{Name: name}
		}
		if c.Quota != nil {
			p.Quota = orNil(*c.Quota)
		}
		if c.Versions != nil {
			p.Versions = orNil(int64(*c.Versions))
		}
		if c.Trash != nil {
			p.Trash = orNil(int64(*c.Trash))
		}
		return tx.SetPlan(p)
	})
}

// PlanRemove removes a plan that no account has.
func (s *Store) PlanRemove(name string) error {
	return s.writeAnyway(func(tx *db.Tx) error {
		p, err := mustPlan(tx, name)
		if err != nil {
			return err
		}
		if p.Users > 0 {
			return fmt.Errorf("plan %q: %w", name, ErrPlanUsed)
		}
		return tx.DeletePlan(name)
	})
}

func mustPlan(tx *db.Tx, name string) (*db.Plan, error) {
	p, err := tx.Plan(name)
	if err == nil && p == nil {
		err = fmt.Errorf("plan %q: %w", name, ErrNotFound)
	}
	return p, err
}

// setPlan gives an account a plan that is there; empty: none.
func setPlan(tx *db.Tx, account int64, plan string) error {
	if plan != "" {
		if _, err := mustPlan(tx, plan); err != nil {
			return err
		}
	}
	return tx.SetAccountPlan(account, plan)
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func orNil(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

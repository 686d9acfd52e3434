package db

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// SQLite plans some statements anew whenever a parameter is bound, which costs ten times the statement. None of those a
// commit or a listing carries out for every name may be of that kind.
func TestStatementsArePlannedOnce(t *testing.T) {
	d := openTest(t)
	var c *conn
	if err := d.Write(func(tx *Tx) error {
		c = tx.c
		if err := tx.InsertAccount([]byte("ann"), "x", 1, 1, 1); err != nil {
			return err
		}
		for i := int64(2); i < 10; i++ {
			hash := []byte(fmt.Sprintf("%032d", i))
			n := &Node{ID: i, Namespace: 1, Parent: 1, Name: []byte{byte('a' + i)}, Kind: File, Content: i, Version: i}
			steps := []func() error{
				func() error { _, _, err := tx.InsertContent(&Content{ID: i, Hash: hash, Complete: true}); return err },
				func() error { return tx.InsertContents(tenContents(i), func(int, int64) {}) },
				func() error { return ignore(tx.HeldContent(1, hash)) },
				func() error { _, err := tx.ContentByHash(hash); return err },
				func() error { _, err := tx.HeldBytes(1, i); return err },
				func() error { _, err := tx.ReleaseHolds(1, []byte(fmt.Sprintf("[%d,%d]", i, i+1))); return err },
				func() error { return tx.InsertHold(1, i, i, i) },
				func() error { return tx.InsertHolds(2, i, i, i) },
				func() error { _, err := tx.Charge(1, -i); return err },
				func() error { return ignore(tx.Left(1)) },
				func() error { _, err := tx.NamesOfDamaged(1); return err },
				func() error { _, err := tx.Namespace(i - 1); return err },
				func() error { _, err := tx.LastNode(); return err },
				func() error { return tx.InsertNode(n) },
				func() error { return tx.SetMeta(n) },
				func() error { return tx.SetContent(n) },
				func() error { return tx.MoveNode(n) },
				func() error { _, err := tx.Node(i); return err },
				func() error { _, err := tx.Child(1, n.Name); return err },
				func() error { _, _, _, _, err := tx.Above(i); return err },
				func() error { _, err := tx.HasChildren(i); return err },
				func() error { _, err := tx.Children(nil, i-1, n.Name, int(i)); return err },
				func() error { return tx.Changes(1, i-1, func(*Change) (bool, error) { return true, nil }) },
				func() error { return tx.InsertPast(&Past{Node: *n, Until: i, Ended: Deleted}) },
				func() error { _, _, _, err := tx.LastPlace(i); return err },
				func() error { _, err := tx.NodeAsOf(i, i-1); return err },
				func() error { _, err := tx.ChildAsOf(1, n.Name, i-1); return err },
				func() error { _, err := tx.ChildrenAsOf(nil, i-1, n.Name, int(i), i-1); return err },
				func() error { _, err := tx.Delete(1, i); return err },
				func() error { _, err := tx.Deletes(1, i, int(i)); return err },
				func() error { _, err := tx.VersionsOf(i, i, int(i)); return err },
				func() error { _, err := tx.StoodAt(1, n.Name, int(i)); return err },
				func() error { _, _, err := tx.Below(i, int(i)); return err },
				func() error { return tx.ShareContent(1, i) },
				func() error { return tx.SetVersion(i, i) },
				func() error { return tx.InsertMoment(1, Moment{Journal: i, At: i}) },
				func() error { return ignore(tx.LastMoment(1)) },
				func() error { return ignore(tx.MomentAt(1, i)) },
				func() error { return ignore(tx.MomentOf(1, i)) },
				func() error { return ignore(tx.MomentBefore(1, i)) },
				func() error { return tx.Log(1, i+1, func(*Event) (bool, error) { return true, nil }) },
				func() error { _, err := tx.CameAgain(i, i); return err },
				func() error { _, err := tx.Since(i, i); return err },
				func() error { _, err := tx.LastEnd(i); return err },
				func() error { return tx.DeleteNode(i) },
				func() error { return tx.InsertProbe(i, &Probe{Size: i}) },
				func() error { _, err := tx.HeldProbe(1, &Probe{Size: i}); return err },
				func() error { return ignore(tx.Relative(1, &Probe{Size: i})) },
				func() error { _, err := tx.UploadByProbe(1, &Probe{Size: i}, i); return err },
				func() error { _, err := tx.UploadsOf(1, i, 10); return err },
				func() error { return tx.InsertNodeAgain(n) },
				func() error { return tx.DeleteNode(i) },
				func() error { return tx.SetJournal(1, i, i) },
			}
			for k, step := range steps {
				if err := step(); err != nil {
					return fmt.Errorf("step %d: %w", k, err)
				}
			}
		}
		for i := int64(2); i < 10; i++ {
			if err := tx.InsertNodes(tenNodes(i)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for sql, s := range c.statements {
		plans := reflect.ValueOf(s.s).Elem().FieldByName("repreps").Int()
		if plans > 1 { // the first steps may see a table that was empty when it was planned
			t.Errorf("planned again %d times: %s", plans, sql)
		}
		seen++
	}
	if seen < 20 {
		t.Errorf("only %d statements were seen", seen)
	}
}

// A copy asks for the names of damaged contents: it must not look at all names of the account to find that there are none.
func TestNamesOfDamagedBeginWithDamage(t *testing.T) {
	var plan []string
	err := openTest(t).Read(func(tx *Tx) error {
		return tx.rows("EXPLAIN QUERY PLAN "+namesOfDamaged, []any{1}, func(r *Row) error {
			plan = append(plan, r.Text(3))
			return nil
		})
	})
	if err != nil || len(plan) != 2 || !strings.Contains(plan[0], "content_damaged") || !strings.Contains(plan[1], "node_content (content=? AND namespace=?)") {
		t.Errorf("%q, %v", plan, err)
	}
}

func ignore[T any, U any](_ T, _ U, err error) error { return err }

func tenContents(i int64) []Content {
	all := make([]Content, rowsAtOnce)
	for k := range all {
		id := 1000*i + int64(k)
		all[k] = Content{ID: id, Hash: fmt.Appendf(nil, "%032d", id), Complete: true}
	}
	return all
}

func tenNodes(i int64) []Node {
	all := make([]Node, rowsAtOnce)
	for k := range all {
		all[k] = Node{Namespace: 1, Parent: 1000 * i, Name: []byte{byte(k)}, Kind: File, Content: 1000*i + int64(k), Version: i}
	}
	return all
}

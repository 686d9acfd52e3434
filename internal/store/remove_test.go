package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/internal/db"
)

// furnish gives an account a bit of everything: names in folders, versions, moves, deleted names and folders, what was
// uploaded and not named, partial uploads, stored replies.
func furnish(s *Store, w Who, names int) error {
	shared, older := bytesOf(61, 2000), bytesOf(62, 300)
	if _, err := put(s, w, shared, older, bytesOf(63, 100), nil); err != nil { // the last two are never named
		return err
	}
	folders := []Change{{Op: OpMkdir, Parent: Place{Node: w.Root}, Name: "a"}, {Op: OpMkdir, Parent: Place{Entry: 0}, Name: "b"},
		{Op: OpMkdir, Parent: Place{Node: w.Root}, Name: "gone"}, {Op: OpMkdir, Parent: Place{Entry: 2}, Name: "deep"}}
	made, err := commit(s, w, true, folders)
	if err != nil {
		return err
	}
	at := []int64{w.Root, made[0].Node, made[1].Node, made[3].Node}
	var changes []Change
	for i := range names {
		changes = append(changes, fileOf(at[i%len(at)], fmt.Sprint("f", i), older))
	}
	fates, err := commit(s, w, true, changes)
	if err != nil {
		return err
	}
	changes = changes[:0]
	for i := 0; i < names; i += 3 {
		switch i % 2 {
		case 0:
			changes = append(changes, fileOf(at[i%len(at)], fmt.Sprint("f", i), shared))
		default:
			changes = append(changes, Change{Op: OpMove, Node: fates[i].Node, Parent: Place{Node: at[1]}, Name: fmt.Sprint("m", i), ExpectNode: ExpectAny, Expect: ExpectAny})
		}
	}
	for i := 1; i < names; i += 6 {
		changes = append(changes, Change{Op: OpDelete, Node: fates[i].Node, Expect: ExpectAny})
	}
	changes = append(changes, Change{Op: OpDelete, Node: made[2].Node, Expect: ExpectAny, Recursive: true})
	if _, err := commit(s, w, true, changes); err != nil {
		return err
	}
	for i := range 3 {
		if _, err := s.UploadOpen(w, newOnce(12), Opening{Size: int64(1000 + i)}, numberReply); err != nil {
			return err
		}
	}
	return nil
}

// TestUserRemoveInPieces stops a removal at each of its transactions. Whatever was done of it agrees with itself, nobody can
// use the account any more, its name is free, others keep what they have, and the keeper goes on.
func TestUserRemoveInPieces(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	left, pieces, stopped := -1, 0, errors.New("stopped here")
	s := openSlot(t, data, 0, func(step string) error {
		if step == "transaction" && left >= 0 {
			if left--; left < 0 {
				return stopped
			}
		}
		return nil
	})
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	for _, w := range []Who{ann, bob} {
		if err := furnish(s, w, 900); err != nil {
			t.Fatal(err)
		}
	}
	kept := usage(t, s, bob)
	left = 1 // after the one that disables the account
	if err := s.UserRemove("ann"); !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	if err := s.UserRemove("ann"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if all, err := s.Users(); err != nil || len(all) != 1 || all[0].Name != "bob" {
		t.Error(all, err)
	}
	if err := s.DeviceGood(ann); !errors.Is(err, ErrRevoked) {
		t.Error(err)
	}
	if _, _, err := s.Login("ann", "x", "d", "a"); !errors.Is(err, ErrLogin) {
		t.Error(err)
	}
	if _, _, err := s.Login("\x001", "", "d", "b"); !errors.Is(err, ErrLogin) {
		t.Error(err)
	}
	// A request that was on its way finds nothing either, and brings nothing.
	if _, err := commit(s, ann, false, []Change{putOf(ann.Root, "late", 1)}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, _, _, err := s.List(ann, 0, 0, true, 0, func(Entry) bool { return true }); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	addAccount(t, data, "ann", 0)
	again := account(t, s, "ann")
	if again.Account == ann.Account || again.Namespace == ann.Namespace {
		t.Error("the account is the old one")
	}
	if err := furnish(s, again, 10); err != nil {
		t.Fatal(err)
	}
	before := usage(t, s, again)
	for most := 1; ; most++ { // some transactions of a piece find nothing to do
		if err := s.discardAll(); err != nil { // the uploads' files
			t.Fatal(err)
		}
		audit(t, data, true)
		left = most
		err := s.removeDisabled(t.Context())
		left = -1
		if err == nil {
			break
		}
		if !errors.Is(err, stopped) {
			t.Fatal(err)
		}
		pieces += most
	}
	if pieces < 8 { // 900 names with their pasts are some 1,500 rows
		t.Errorf("all went in %d transactions", pieces)
	}
	if err := s.sweep(t.Context(), afterUploads()); err != nil { // and bob's uploads
		t.Fatal(err)
	}
	audit(t, data, true)
	err := s.read(func(tx *db.Tx) error {
		if all, err := tx.DisabledAccounts(); err != nil || len(all) > 0 {
			t.Error(all, err)
		}
		if ns, err := tx.Namespace(ann.Namespace); err != nil || ns != nil {
			t.Error(ns, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	wantContents(t, s, bob, bytesOf(61, 2000))
	if got := usage(t, s, bob); got > kept || got < kept-4000 { // less its uploads and holds
		t.Errorf("bob is charged %d, before %d", got, kept)
	}
	if got := usage(t, s, again); got > before {
		t.Errorf("the new ann is charged %d, before %d", got, before)
	}
}

// What a removal that was cut off has left, the next keeper removes at once.
func TestKeeperRemovesTheRest(t *testing.T) {
	data := newFolder(t, 0)
	armed, stopped := false, errors.New("stopped here")
	s := openSlot(t, data, 0, func(string) error {
		if armed {
			return stopped
		}
		return nil
	})
	if err := furnish(s, account(t, s, "ann"), 100); err != nil {
		t.Fatal(err)
	}
	if err := s.withAccount("ann", func(tx *db.Tx, a *db.Account) error { armed = true; return tx.DisableAccount(a) }); err != nil {
		t.Fatal(err)
	}
	if err := s.removeDisabled(t.Context()); !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	armed = false
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Keeper(ctx) }()
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if names, past := countRows(t, s); names == 0 && past == 0 {
			break
		}
		if time.Now().After(limit) {
			t.Error("the keeper leaves it")
			break
		}
	}
	end()
	<-done
	if err := s.discardAll(); err != nil {
		t.Fatal(err)
	}
	audit(t, data, true)
}

// removeUser makes an account, gives it things and removes it, after those that were not removed whole.
func removeUser(s *Store, _ Who) error {
	if err := s.removeDisabled(context.Background()); err != nil {
		return err
	}
	err := s.db.Write(func(tx *db.Tx) error {
		if there, err := tx.AccountByName([]byte("bob")); err != nil || there != nil {
			return err
		}
		return tx.InsertAccount([]byte("bob"), "none", 0, newEpoch(), now())
	})
	if err != nil {
		return err
	}
	var bob Who
	err = s.read(func(tx *db.Tx) error {
		a, err := tx.AccountByName([]byte("bob"))
		if err != nil {
			return err
		}
		bob, err = s.who(tx, &db.Device{Account: a.ID})
		return err
	})
	if err != nil {
		return err
	}
	if err := furnish(s, bob, 600); err != nil {
		return err
	}
	if err := s.UserRemove("bob"); err != nil {
		return err
	}
	return s.discardAll()
}

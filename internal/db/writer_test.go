package db

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWriteShares(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	var commits atomic.Int64
	d.OnCommit(func() { commits.Add(1) })
	started, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := d.Write(func(tx *Tx) error { close(started); <-release; return note("first")(tx) }); err != nil {
			t.Error(err)
		}
	})
	<-started
	refused := errors.New("refused")
	for i := range 40 {
		all.Go(func() {
			err := d.Write(func(tx *Tx) error {
				if err := note(fmt.Sprintf("n%d", i))(tx); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return refused
				case 2:
					panic("at the disco")
				case 3:
					return note("n0")(tx) // there already, or n0 comes later: then it is the one that fails
				}
				return nil
			})
			switch {
			case i%4 == 1 && err != refused:
				t.Errorf("%d: %v, not what fn said", i, err)
			case i%4 == 2 && (err == nil || !strings.Contains(err.Error(), "at the disco")):
				t.Errorf("%d: the panic became %v", i, err)
			case i%4 == 0 && i > 0 && err != nil:
				t.Errorf("%d: %v", i, err)
			case i%4 == 3 && err != nil && !errors.Is(err, ErrUnique):
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	for len(d.queue) < 40 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	all.Wait()
	if n := count(t, d, "first"); n != 1 {
		t.Errorf("first stands %d times", n)
	}
	if n := count(t, d, "n%"); n != 10 && n != 11 {
		t.Errorf("%d notes are left, not the 9 that must, n0, and at most one more", n)
	}
	// The first turn may have ended before the queue was full.
	if s := d.Stats(); s.Groups > 4 || commits.Load() > 3 {
		t.Errorf("%d commits and %d calls of OnCommit for 42 writes", s.Groups, commits.Load())
	}
}

func TestWriteOnlyFailuresTellNobody(t *testing.T) {
	d := openTest(t)
	called := false
	d.OnCommit(func() { called = true })
	if err := d.Write(func(*Tx) error { return errors.New("no") }); err == nil {
		t.Error("the error is lost")
	}
	if called {
		t.Error("OnCommit was called though nothing changed")
	}
}

func TestDiskFull(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	if err := d.Write(note("before")); err != nil {
		t.Fatal(err)
	}
	var pages int64
	if err := d.Write(func(tx *Tx) error {
		_, err := tx.row(`PRAGMA page_count`, nil, &pages)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	limit := func(n int64) {
		t.Helper()
		if err := d.Write(func(tx *Tx) error {
			return tx.run(fmt.Sprintf(`PRAGMA max_page_count = %d`, n))
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 2)
	err := d.Write(func(tx *Tx) error {
		if err := note("small")(tx); err != nil {
			return err
		}
		return note(strings.Repeat("large", 20000))(tx)
	})
	if !errors.Is(err, ErrFull) {
		t.Fatalf("full is told as %v", err)
	}
	limit(1 << 30)
	if err := d.Write(note("after")); err != nil {
		t.Fatalf("the connection is of no use after: %v", err)
	}
	if n := count(t, d, "%"); n != 2 {
		t.Errorf("%d notes, not before and after", n)
	}
}

// A transaction that SQLite ends by itself takes all of the group with it, and nobody is told it succeeded.
func TestTransactionEndedInTheMiddle(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	for together := false; !together; { // on a busy machine the first may be alone: a group's time is short
		together = endedInTheMiddle(t, d)
	}
	if n := count(t, d, "one"); n != 0 {
		t.Errorf("%d notes", n)
	}
	if err := d.Write(note("next")); err != nil {
		t.Error(err)
	}
}

// endedInTheMiddle writes a note in a transaction whose second function ends it; false: the two did not share one.
func endedInTheMiddle(t *testing.T, d *DB) bool {
	groups := d.Stats().Groups
	started, release := make(chan struct{}), make(chan struct{})
	var first, second error
	var all sync.WaitGroup
	all.Go(func() {
		first = d.Write(func(tx *Tx) error { close(started); <-release; return note("one")(tx) })
	})
	<-started
	all.Go(func() {
		second = d.Write(func(tx *Tx) error {
			if err := tx.run("ROLLBACK"); err != nil { // as a failed write to the log does
				return err
			}
			return errors.New("ended")
		})
	})
	for len(d.queue) == 0 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	all.Wait()
	if d.Stats().Groups > groups {
		if err := d.Write(func(tx *Tx) error { return tx.run("DELETE FROM note") }); err != nil {
			t.Fatal(err)
		}
		return false
	}
	if first == nil || second == nil {
		t.Errorf("answered with %v and %v", first, second)
	}
	return true
}

func TestStoppedAfterFailedSync(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	d.stopped.Store(true)
	if err := d.Write(note("x")); !errors.Is(err, ErrIO) {
		t.Errorf("answered with %v", err)
	}
	if n := count(t, d, "%"); n != 0 {
		t.Error("it was written")
	}
}

func TestClose(t *testing.T) {
	before := descriptors(t)
	d := openTest(t)
	notes(t, d)
	var all sync.WaitGroup
	var good, closed atomic.Int64
	for i := range 50 {
		all.Go(func() {
			switch err := d.Write(note(fmt.Sprint(i))); {
			case err == nil:
				good.Add(1)
			case errors.Is(err, ErrClosed):
				closed.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if good.Load()+closed.Load() != 50 {
		t.Errorf("%d written, %d refused", good.Load(), closed.Load())
	}
	if err := d.Write(note("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("a late write is answered with %v", err)
	}
	if err := d.Read(func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("a late read is answered with %v", err)
	}
	if _, err := d.Checkpoint(false); !errors.Is(err, ErrClosed) {
		t.Errorf("a late checkpoint is answered with %v", err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	d = reopen(t, d.path)
	if n := count(t, d, "%"); n != int(good.Load()) {
		t.Errorf("%d notes of %d acknowledged", n, good.Load())
	}
}

// Two handles, as two processes have them, take turns.
func TestGateIsFair(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	handles := []*DB{d, reopen(t, d.path), reopen(t, d.path)}
	done := make([]atomic.Int64, len(handles))
	stop := make(chan struct{})
	var all sync.WaitGroup
	for h, d := range handles {
		for g := range 4 {
			all.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := d.Write(note(fmt.Sprintf("%d %d %d", h, g, i))); err != nil {
						t.Error(err)
						return
					}
					done[h].Add(1)
				}
			})
		}
	}
	time.Sleep(time.Second)
	close(stop)
	all.Wait()
	total, least := int64(0), int64(1<<62)
	for h := range done {
		total += done[h].Load()
		least = min(least, done[h].Load())
	}
	if n := count(t, d, "%"); int64(n) != total {
		t.Errorf("%d notes, %d acknowledged", n, total)
	}
	if least*8 < total/int64(len(handles)) {
		t.Errorf("one of them got %d of %d turns", least, total)
	}
}

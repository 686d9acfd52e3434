package state

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"sluice/internal/db"
)

// What was sent is kept until it is answered, piece by piece and in whatever order; a commit costs one row.
func TestWhatWasSent(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	y, err := s.Sync(&SyncRoot{Server: "s", Path: "p", Dir: "/d", Device: "x"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Sync(&SyncRoot{Server: "s", Path: "p", Dir: "/other", Device: "x"})
	if err != nil {
		t.Fatal(err)
	}
	var all []SyncSent
	for i := range maxSent + 500 {
		all = append(all, SyncSent{Parent: int64(i) << 40, Name: fmt.Sprintf("n\x00%d", i), Hash: [32]byte{byte(i), 31: 1}})
	}
	all = append(all, SyncSent{Parent: 7}, SyncSent{Parent: 1<<63 - 1, Hash: [32]byte{1}})
	rows := func(want int) {
		t.Helper()
		n := 0
		err := y.read(func(t db.Table) error {
			return t.Rows("SELECT id FROM sync_sent WHERE root = ?", []any{y.id}, func(*db.Row) error { n++; return nil })
		})
		if err != nil || n != want {
			t.Errorf("%d rows, want %d; %v", n, want, err)
		}
	}
	apply := func(b *SyncBatch, left []SyncSent) {
		t.Helper()
		if err := y.Apply(b); err != nil {
			t.Fatal(err)
		}
		if got, err := y.Sent(); err != nil || !slices.Equal(got, left) {
			t.Fatalf("%d are left, want %d; %v", len(got), len(left), err)
		}
	}
	if err := other.Apply(&SyncBatch{Sent: all[:3]}); err != nil {
		t.Fatal(err)
	}
	apply(&SyncBatch{Sent: all}, all)
	rows(2)
	apply(&SyncBatch{Answered: []SyncSent{all[5], {Parent: 99}, all[maxSent]}}, slices.Concat(all[:5], all[6:maxSent], all[maxSent+1:]))
	apply(&SyncBatch{Sent: all[:1]}, slices.Concat(all[:5], all[6:maxSent], all[maxSent+1:], all[:1]))
	rows(3)
	apply(&SyncBatch{Answered: all[:maxSent]}, all[maxSent+1:])
	rows(1)
	apply(&SyncBatch{Answered: all}, nil)
	rows(0)
	if left, err := other.Sent(); err != nil || !slices.Equal(left, all[:3]) {
		t.Errorf("another folder has %d left, %v", len(left), err)
	}
	if err := other.write(func(t db.Table) error { return t.Run("UPDATE sync_sent SET what = x'00ff' WHERE root = ?", other.id) }); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Sent(); err == nil {
		t.Error("a damaged row was read")
	}
}

package stats

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unsafe"
)

// TestLayout holds the offsets doc.go draws: two processes of one version must
// agree on them, and so must a later version that only adds.
func TestLayout(t *testing.T) {
	var l layout
	for _, row := range []struct {
		name      string
		got, want uintptr
	}{
		{"changes", unsafe.Offsetof(l.header.changes), 64},
		{"parent", unsafe.Offsetof(l.header.parent), 128},
		{"disk", unsafe.Offsetof(l.header.disk), 640},
		{"slots", unsafe.Offsetof(l.slots), headerSize},
		{"one slot", unsafe.Sizeof(l.slots[0]), slotSize},
		{"all", unsafe.Sizeof(l), pageSize},
	} {
		if row.got != row.want {
			t.Errorf("%s: at %d, want %d", row.name, row.got, row.want)
		}
	}
}

func TestTwoMappingsShareOnePage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page")
	if _, err := Open(path); !errors.Is(err, ErrNoPage) {
		t.Fatalf("open without a page: %v", err)
	}
	parent, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	worker, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Close()

	worker.Changes().Add(3)
	worker.Slot(Slots - 1).Requests.Add(7)
	parent.Slot(Slots - 1).State.Store(uint64(Ready))
	if got := parent.Changes().Load(); got != 3 {
		t.Errorf("changes: %d", got)
	}
	got := parent.Slot(Slots - 1).Snapshot()
	if got.Requests != 7 || got.State != "ready" {
		t.Errorf("snapshot: %+v", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestCreateKeepsTheFileAndTheChangeCounter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page")
	first, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	first.Changes().Add(5)
	first.Slot(0).Restarts.Add(2)
	first.Parent().Deaths.Add(2)

	second, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := second.Changes().Load(); got != 5 {
		t.Errorf("changes after a new start: %d", got)
	}
	if second.Slot(0).Restarts.Load() != 0 || second.Parent().Deaths.Load() != 0 {
		t.Error("counters of the server before are still there")
	}
	first.Changes().Add(1) // a command that mapped the page before the restart
	if got := second.Changes().Load(); got != 6 {
		t.Errorf("an old mapping no longer reaches the page: %d", got)
	}
}

func TestCreateReplacesWhatIsNoPage(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty": {}, "short": []byte("junk"), "same size": make([]byte, pageSize),
	} {
		path := filepath.Join(t.TempDir(), "page")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, ErrNoPage) {
			t.Errorf("%s: open: %v", name, err)
		}
		p, err := Create(path)
		if err != nil {
			t.Errorf("%s: create: %v", name, err)
			continue
		}
		p.Close()
	}
}

func TestBeginResetsGaugesOnly(t *testing.T) {
	p, err := Create(filepath.Join(t.TempDir(), "page"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s := p.Slot(1)
	for _, gauge := range []func(int64){s.Connections.Store, s.Parked.Store, s.Jobs.Store, s.PipesOpen.Store,
		s.PipesSmall.Store, s.PipeBytes.Store, s.ReadOnly.Store, s.Pid.Store} {
		gauge(9)
	}
	s.Requests.Store(9)
	s.Begin(4)
	want := Snapshot{Pid: 9, State: "empty", Life: 4, Requests: 9}
	if got := s.Snapshot(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

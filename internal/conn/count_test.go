package conn

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/handler"
	"sluice/internal/proto"
	"sluice/internal/stats"
)

func TestEveryTypeHasAClass(t *testing.T) {
	sessions := []string{"hello", "ping", "login", "device-revoke", "quota"}
	for _, row := range proto.Types {
		if int(row.Type) >= len(classes) {
			t.Errorf("%s has no class", row.Name)
			continue
		}
		// Session is also what a forgotten row would get.
		if isSession := classOf(row.Type) == stats.Session; isSession != slices.Contains(sessions, row.Name) {
			t.Errorf("%s is of class %s", row.Name, stats.Classes[classOf(row.Type)])
		}
	}
	if got := classOf(proto.Type(len(classes))); got != stats.Session {
		t.Errorf("a type beyond the table is of class %d", got)
	}
}

func TestEveryCodeHasAReason(t *testing.T) {
	codes := 0
	for ; !strings.HasPrefix(proto.Code(codes).String(), "code-"); codes++ {
		code := proto.Code(codes)
		// Internal is also what a forgotten row would get.
		if reasonOf(code) == stats.Internal && code != proto.OK && code != proto.Internal {
			t.Errorf("%v has no reason", code)
		}
	}
	if codes != len(reasons) {
		t.Errorf("%d codes, %d reasons", codes, len(reasons))
	}
}

func TestCount(t *testing.T) {
	page, err := stats.Create(filepath.Join(t.TempDir(), "page"))
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	slot := page.Slot(0)
	ask := func(types *proto.Row, park time.Time, err *proto.Error) {
		r := &request{types: types, started: time.Now().Add(-20 * time.Millisecond), in: 10, reply: handler.Reply{Err: err}}
		r.park.Until = park
		r.count(slot)
	}
	ask(proto.Lookup(proto.TypeCommit), time.Time{}, nil)
	ask(proto.Lookup(proto.TypeCommit), time.Time{}, proto.Errorf(proto.NoSpace, "full"))
	ask(proto.Lookup(proto.TypeChanges), time.Now(), nil)                                // it has waited
	ask(nil, time.Time{}, proto.Errorf(proto.UnknownType, "what is that"))               // no type
	ask(proto.Lookup(proto.TypePing), time.Time{}, proto.Errorf(9999, "of a later day")) // no reason
	if slot.Requests.Load() != 5 || slot.Errors.Load() != 3 || slot.BytesIn.Load() != 50 {
		t.Errorf("%+v", slot.Snapshot())
	}
	for reason, want := range map[stats.Reason]uint64{stats.Space: 1, stats.Malformed: 1, stats.Internal: 1, stats.Login: 0} {
		if got := slot.ByReason[reason].Load(); got != want {
			t.Errorf("reason %s: %d, want %d", stats.Reasons[reason], got, want)
		}
	}
	for class, want := range map[stats.Class]uint64{stats.Change: 2, stats.Session: 1, stats.Lookup: 0, stats.Upload: 0} {
		if _, got, sum := slot.Latency[class].Read(); got != want || sum < time.Duration(want)*20*time.Millisecond {
			t.Errorf("class %s: %d that took %v, want %d", stats.Classes[class], got, sum, want)
		}
	}
}

// The first byte, or the state a refusal came from, names the kind.
func TestViolationsByKind(t *testing.T) {
	for _, row := range []struct {
		at   state
		f    *refusal
		want stats.Kind
	}{
		{readPrelude, nil, stats.Prelude},
		{readHeader, nil, stats.Header},
		{readHeader, errHeaderLate, stats.Late},
		{readPrelude, errHeaderLate, stats.Late},
	} {
		if got := kindOf(row.at, row.f); got != row.want {
			t.Errorf("%v: %s, want %s", row.at, stats.Kinds[got], stats.Kinds[row.want])
		}
	}
	for b, want := range map[byte]stats.Kind{0x16: stats.TLS, 'G': stats.HTTP, 0x0D: stats.Proxy, 'g': stats.Junk, 0: stats.Junk} {
		if got := spoken(b); got != want {
			t.Errorf("first byte %#x: %s, want %s", b, stats.Kinds[got], stats.Kinds[want])
		}
	}
}

func BenchmarkCount(b *testing.B) {
	page, err := stats.Create(filepath.Join(b.TempDir(), "page"))
	if err != nil {
		b.Fatal(err)
	}
	defer page.Close()
	r := &request{types: proto.Lookup(proto.TypeStat), started: time.Now(), in: 100}
	for b.Loop() {
		r.count(page.Slot(0))
	}
}

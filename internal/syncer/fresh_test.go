package syncer

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// Facts are told as those of what was read only where a later change cannot have the same.
func TestFresh(t *testing.T) {
	at := time.Unix(1_700_000_000, 500_000_000)
	for _, c := range []struct {
		ctime int64
		want  bool
	}{
		{at.UnixNano() - 1, true},
		{at.UnixNano() - int64(settle), false},
		{at.UnixNano() + 1, true},                 // the clock was put back, or is another's
		{at.UnixNano() + int64(time.Hour), true},  //
		{at.AddDate(10, 0, 0).UnixNano(), false},  // nothing is written with such a time now
		{at.AddDate(-10, 0, 0).UnixNano(), false}, //
		{1_700_000_000e9, true},                   // in whole seconds
		{1_699_999_998e9, false},
		{1_699_999_999e9, true},
	} {
		if got := fresh(c.ctime, at); got != c.want {
			t.Errorf("ctime %d: %v", c.ctime-at.UnixNano(), got)
		}
	}
}

// A file that was changed in the moment in which it was renamed is read again, whatever it was taken for.
func TestChangedWhileMoved(t *testing.T) {
	before := Node{Kind: proto.KindFile, Ino: 1, Size: 5, Mtime: 10, Ctime: 10}
	for what, c := range map[string]struct {
		now     Node
		trusted bool
	}{
		"only moved": {Node{Kind: proto.KindFile, Ino: 1, Size: 5, Mtime: 10, Ctime: 20}, true},
		"written":    {Node{Kind: proto.KindFile, Ino: 1, Size: 5, Mtime: 20, Ctime: 20}, false},
		"longer":     {Node{Kind: proto.KindFile, Ino: 1, Size: 6, Mtime: 10, Ctime: 20}, false},
		"a folder":   {Node{Kind: proto.KindFolder, Ino: 1, Mtime: 20, Ctime: 20}, true},
	} {
		if got := factsMoved(&before, &c.now); (got.Ctime != 0) != c.trusted || got.Mtime != c.now.Mtime {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// A file that was written to in the moment in which it got its name is not taken for what was fetched.
func TestChangedWhileNamed(t *testing.T) {
	src := &Node{Kind: proto.KindFile, Size: 5, Mtime: 1_700_000_001_500_000_000}
	for what, c := range map[string]struct {
		size, mtime int64
		want        bool
	}{
		"as it was given":        {5, src.Mtime, true},
		"written":                {5, src.Mtime + 1, false},
		"longer":                 {6, src.Mtime, false},
		"in whole seconds":       {5, 1_700_000_001e9, true},
		"in every other second":  {5, 1_700_000_000e9, true},
		"written, whole seconds": {5, 1_700_000_004e9, false},
		"a moment before":        {5, src.Mtime - 1, false},
	} {
		if got := asGiven(&Node{Kind: proto.KindFile, Size: c.size, Mtime: c.mtime}, src); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// What was written a moment ago is read, and not taken for what it is by its facts; a moment later it is.
func TestHashOfAFreshFile(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "a"), []byte("one"), 0o644))
	f := openFolder(t, dir)
	for try := 0; ; try++ {
		e := entry(t, f, "a")
		check(t, f.Hash(t.Context(), e))
		if want := (reconcile.Facts{Size: 3, Mtime: e.Mtime, Ino: e.Facts.Ino, Born: e.Facts.Born}); e.Facts == want && try < 100 {
			time.Sleep(settle)
			continue
		}
		if e.Facts.Ctime == 0 || !e.Hashed {
			t.Errorf("after %d tries: %+v", try, e)
		}
		return
	}
}

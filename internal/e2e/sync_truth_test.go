package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// witness asks devices again and again how they are, and holds what they say against what is here and on the server:
// "in sync as of journal number N after a scan that ended at T" is a lie if anything differs that was not changed here since T,
// nor on the server after N.
type witness struct {
	t       *testing.T
	asks    *machine // that lists the server
	began   time.Time
	stop    chan struct{}
	ended   sync.WaitGroup
	claims  int // in sync, and both sides could be looked at
	words   map[string]int
	names   int // held against each other
	excused int // of them, those that differ and were changed later
}

// scanTime is how long before its end a scan may have read a folder.
const scanTime = 3 * time.Second

// liveTime is how long a running watcher may take to see what was changed: what is older is part of what it says.
const liveTime = 15 * time.Second

// testify begins to ask. The server's side is listed by asks.
func testify(t *testing.T, asks *machine, devices []*device) *witness {
	w := &witness{t: t, asks: asks, began: time.Now(), stop: make(chan struct{}), words: make(map[string]int)}
	w.ended.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-w.stop:
				return
			case <-time.After(20 * time.Millisecond):
				w.ask(devices[i%len(devices)])
			}
		}
	})
	return w
}

// end ends the asking, and says what was seen.
func (w *witness) end() {
	w.t.Helper()
	close(w.stop)
	w.ended.Wait()
	w.t.Logf("status said %v; %d times in sync was held against both sides: %d names, %d of them differ and were changed since",
		w.words, w.claims, w.names, w.excused)
	if w.claims == 0 {
		w.t.Error("no claim to be in sync could be held against anything")
	}
}

// ask asks one device.
func (w *witness) ask(d *device) {
	now := time.Now()
	r := d.run("status", "--json", d.tree)
	var all struct{ Roots []report }
	if r.code != 0 || json.Unmarshal([]byte(r.stdout), &all) != nil || len(all.Roots) != 1 {
		w.t.Errorf("status of %s ended with %d:\n%s%s", d.name, r.code, r.stdout, r.stderr)
		return
	}
	said := all.Roots[0]
	w.words[said.State]++
	if said.State != "in-sync" {
		return
	}
	since := said.Scanned.Add(-scanTime)
	if seen := now.Add(-liveTime); said.Pid != 0 && seen.After(since) {
		since = seen
	}
	here := localTree(d.tree)
	there, ok := w.serverTree(d.path, said.Synced)
	if !ok {
		return
	}
	w.claims++
	w.hold(d, &said, since, here, there)
}

// thing is a name on one side.
type thing struct {
	kind, mode, target string
	size, mtime        int64
	changed            time.Time // here: whatever of it
	version            int64     // there
	hash               string    // there
}

// localTree is what is in a folder, by path; "" is the folder itself. What goes meanwhile is not there.
func localTree(dir string) map[string]*thing {
	all := make(map[string]*thing)
	filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, at)
		if err != nil || strings.HasPrefix(e.Name(), ".sluice-tmp-") {
			return nil
		}
		fi, err := os.Lstat(at)
		if err != nil {
			return nil
		}
		st := fi.Sys().(*syscall.Stat_t)
		x := &thing{kind: "file", mode: fmt.Sprintf("%04o", st.Mode&0o777), size: st.Size, mtime: st.Mtim.Nano(), changed: time.Unix(0, st.Ctim.Nano())}
		switch {
		case fi.IsDir():
			x.kind, x.size, x.mtime = "folder", 0, 0
		case fi.Mode()&fs.ModeSymlink != 0:
			x.kind, x.mode = "link", ""
			x.target, _ = os.Readlink(at)
		}
		if rel == "." {
			rel = ""
		}
		all[rel] = x
		return nil
	})
	return all
}

// far is the server's side: what there is, and what was changed after a journal number.
type far struct {
	names map[string]*thing
	later map[string]bool
}

// serverTree lists the server; false: it cannot be reached.
func (w *witness) serverTree(at string, after int64) (*far, bool) {
	r := w.asks.run("ls", "-R", "--json", "--timeout", "3s", at)
	if r.code != 0 {
		return nil, false
	}
	var list struct {
		Entries []struct {
			Path, Kind, Mode, Hash string
			Size, Version          int64
			Mtime                  time.Time
		}
	}
	must(w.t, json.Unmarshal([]byte(r.stdout), &list))
	f := &far{names: make(map[string]*thing, len(list.Entries)), later: make(map[string]bool)}
	for _, e := range list.Entries {
		x := &thing{kind: e.Kind, mode: e.Mode, size: e.Size, mtime: e.Mtime.UnixNano(), version: e.Version, hash: e.Hash}
		switch e.Kind {
		case "folder":
			x.size, x.mtime = 0, 0
		case "link":
			x.mode = ""
		}
		f.names[e.Path] = x
		if e.Version > after {
			f.later[e.Path] = true
		}
	}
	// What the listing holds is in the log by now, so all that it lacks is told here.
	r = w.asks.run("log", "--json", "--timeout", "3s", at)
	if r.code != 0 {
		return nil, false
	}
	_, top, _ := strings.Cut(at, ":")
	for line := range strings.Lines(r.stdout) {
		var event struct {
			Path, From string
			Number     int64
		}
		must(w.t, json.Unmarshal([]byte(line), &event))
		if event.Number <= after {
			break // the latest come first
		}
		for _, full := range []string{event.Path, event.From} { // from the account's root
			if below, ok := strings.CutPrefix(full, top+"/"); ok {
				f.later[below] = true
			}
		}
	}
	return f, true
}

// changedLater says whether a path, or a folder it is in, was changed on the server later.
func (f *far) changedLater(at string) bool {
	for ; at != "." && at != "/"; at = path.Dir(at) {
		if f.later[at] {
			return true
		}
	}
	return false
}

// changedSince says whether a path was changed here since: it, a folder it is in, or, where it is gone, the one it was in.
func changedSince(here map[string]*thing, at string, since time.Time) bool {
	if here[at] == nil {
		for here[at] == nil && at != "" {
			if at = path.Dir(at); at == "." {
				at = ""
			}
		}
		if here[at] == nil || !here[at].changed.Before(since) {
			return true
		}
	}
	for ; at != "." && at != ""; at = path.Dir(at) {
		if !here[at].changed.Before(since) {
			return true
		}
	}
	return false
}

// hold holds what a device has said against both sides.
func (w *witness) hold(d *device, said *report, since time.Time, here map[string]*thing, there *far) {
	lies := 0
	judge := func(at string, what string) {
		if changedSince(here, at, since) || there.changedLater(at) {
			w.excused++
			return
		}
		if lies++; lies > 5 {
			return
		}
		w.t.Errorf("%s said at %s that it is in sync as of %d after a scan at %s (process %d): %s: %s", d.name, time.Now().Format(time.StampMilli), said.Synced,
			said.Scanned.Format(time.StampMilli), said.Pid, at, what)
	}
	for at, x := range here {
		if at == "" {
			continue
		}
		w.names++
		if y := there.names[at]; y == nil {
			judge(at, fmt.Sprintf("here, not on the server: %+v", *x))
		} else if what := w.unlike(d.at(at), x, y); what != "" {
			judge(at, what)
		}
	}
	for at, y := range there.names {
		if here[at] == nil && !strings.Contains(at, ".sluice-tmp-") {
			w.names++
			judge(at, fmt.Sprintf("on the server, not here: %+v", *y))
		}
	}
	if lies > 5 {
		w.t.Errorf("and %d names more", lies-5)
	}
}

// unlike says how two sides of a name differ. Of files that were there before all began only the facts are compared.
func (w *witness) unlike(file string, here, there *thing) string {
	x, y := *here, *there
	x.changed, x.target, y.version, y.hash = time.Time{}, "", 0, ""
	if x != y {
		return fmt.Sprintf("here %+v, on the server %+v", *here, *there)
	}
	switch {
	case here.kind == "link" && blake3([]byte(here.target)).String() != there.hash:
		return "another target"
	case here.kind == "file" && here.changed.After(w.began):
		b, err := os.ReadFile(file)
		if err == nil && blake3(b).String() != there.hash {
			if st, err := os.Lstat(file); err != nil || st.ModTime().UnixNano() != here.mtime { // it was changed since it was looked at
				return ""
			}
			return "another content"
		}
	}
	return ""
}

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Everything that a tree can hold goes up from one device, down to another, and comes back changed.
func TestSyncBothWays(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	sampleTree(t, one.tree)
	before := contents(t, one.tree)

	one.sync(0, "-n")
	one.fails(3, "stat", "home:tree")
	one.sync(0)
	two.sync(0, "-n")
	if all := contents(t, two.tree); len(all) != 0 {
		t.Fatalf("a dry run made %d names", len(all))
	}
	two.sync(0)
	alike(t, one, two)
	if after := contents(t, one.tree); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the sync changed the tree it sent")
	}
	for _, d := range []*device{one, two} {
		if out := d.sync(0).stdout; !strings.Contains(out, "nothing to do; in sync") {
			t.Errorf("a second sync of %s says: %s", d.name, out)
		}
	}

	// Each of them edits, adds, removes, moves, changes kinds and modes.
	one.put("names/plain.txt", "edited here")
	one.put("new/deep/er/file", "new")
	must(t, os.RemoveAll(one.at("folders/with space")))
	must(t, os.Rename(one.at("many/3"), one.at("moved")))
	must(t, os.Mkdir(one.at("empty, too"), 0o700))
	must(t, os.Chmod(one.at("modes/644"), 0o755))
	must(t, os.Remove(two.at("sizes/1048576")))
	must(t, os.MkdirAll(two.at("sizes/1048576/now a folder"), 0o755))
	must(t, os.RemoveAll(two.at("empty")))
	two.put("empty", "now a file")
	must(t, os.Remove(two.at("many/link")))
	must(t, os.Symlink("elsewhere", two.at("many/link")))
	two.put("by/two", "in a new folder")
	one.sync(0)
	two.sync(0)
	one.sync(0)
	alike(t, one, two)
	if got := one.text("by/two") + one.text("empty") + two.text("names/plain.txt"); got != "in a new foldernow a fileedited here" {
		t.Errorf("the edits came to %q", got)
	}
	if two.has("folders/with space") || two.has("many/3") || one.has("sizes/1048576x") || !two.has("empty, too") {
		t.Error("a delete, a move or an empty folder did not come over")
	}
	for _, d := range []*device{one, two} {
		if r := d.report(); r.State != "in-sync" || r.Synced == 0 || r.Synced != r.Journal || r.Scanned.IsZero() || r.Names != int64(len(contents(t, d.tree))) {
			t.Errorf("status of %s: %+v, with %d names there", d.name, r, len(contents(t, d.tree)))
		}
		if r := d.run("diff", d.tree); r.code != 0 || !strings.Contains(r.stdout, "nothing to do") {
			t.Errorf("diff of %s: %+v", d.name, r)
		}
	}
	s.answers()
}

// A folder of any size is moved by one change, in both directions, and nothing of it is sent.
func TestSyncMovesFolders(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	for i := range 800 {
		one.put(fmt.Sprintf("big/%d/%d", i%20, i), strconv.Itoa(i))
	}
	one.sync(0)
	two.sync(0)
	step := func(from, to *device, old, new string) {
		t.Helper()
		before := from.report().Journal
		must(t, os.MkdirAll(filepath.Dir(from.at(new)), 0o755))
		must(t, os.Rename(from.at(old), from.at(new)))
		out := from.sync(0).stdout
		if !strings.Contains(out, "1 moved") || strings.Contains(out, "sent") || strings.Contains(out, "deleted") {
			t.Errorf("moving %s to %s: %s", old, new, out)
		}
		if n := from.report().Journal - before; n > 2 { // the move, and a folder it moved into
			t.Errorf("moving %s to %s took %d changes", old, new, n)
		}
		if out := to.sync(0).stdout; !strings.Contains(out, "1 moved") || strings.Contains(out, "fetched") {
			t.Errorf("%s to %s, moved by the other: %s", old, new, out)
		}
		alike(t, one, two)
	}
	step(one, two, "big", "renamed")
	step(two, one, "renamed", "in/here")
	must(t, os.Rename(one.at("in/here/7"), one.at("7"))) // a folder leaves, then its old parent goes elsewhere
	one.sync(0)
	two.sync(0)
	step(one, two, "in", "out")
	if !two.has("7/7") || !two.has("out/here/8/8") {
		t.Error("a folder moved out of a moved folder is not where it was put")
	}
}

// Two populated folders merge by content: what is equal costs nothing, what differs is kept twice.
func TestSyncMerges(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	for i := range 100 {
		for _, d := range []*device{one, two} {
			d.put(fmt.Sprint("same/", i), fmt.Sprint("equal ", i))
		}
		one.put(fmt.Sprint("one/", i), fmt.Sprint("one ", i))
		two.put(fmt.Sprint("two/", i), fmt.Sprint("two ", i))
	}
	one.put("differs.txt", "by one")
	two.put("differs.txt", "by two, longer")
	one.sync(0)
	r := two.sync(6, "--json")
	var last struct {
		Event         string
		Sent, Fetched int
		Conflicts     int
		Exit          int
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	for _, line := range lines {
		must(t, json.Unmarshal([]byte(line), &last))
	}
	if last.Event != "done" || last.Exit != 6 || last.Conflicts != 1 || last.Sent != 101 || last.Fetched != 101 {
		t.Errorf("the last line: %+v", last)
	}
	one.sync(0)
	alike(t, one, two)
	if got := two.text("differs.txt"); got != "by one" {
		t.Errorf("the name was kept by %q", got)
	}
	copies, err := filepath.Glob(one.at("differs (conflict two *).txt"))
	must(t, err)
	if len(copies) != 1 {
		t.Fatalf("conflict copies: %v", copies)
	}
	if n := len(contents(t, one.tree)); n != 305 {
		t.Errorf("%d names, want 300 files, 2 versions and 3 folders", n)
	}
}

// Both devices edit a file; each way to decide does what it says, on the device that has the conflict, and comes to the other.
func TestSyncConflicts(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	for _, keep := range []string{"local", "remote", "both"} {
		for _, late := range []*device{one, two} {
			early := map[*device]*device{one: two, two: one}[late]
			name := keep + " " + late.name + ".txt"
			early.put(name, "first")
			early.sync(0)
			late.sync(0)
			early.put(name, "by "+early.name)
			late.put(name, "and by "+late.name)
			early.sync(0)
			late.sync(6)
			early.sync(0)
			alike(t, one, two)
			var list struct {
				Conflicts []struct{ Path, Other string }
			}
			must(t, json.Unmarshal([]byte(late.must("conflicts", "ls", "--json")), &list))
			if len(list.Conflicts) != 1 || list.Conflicts[0].Other != name {
				t.Fatalf("conflicts of %s: %+v", late.name, list)
			}
			copy := list.Conflicts[0].Path
			if want := fmt.Sprintf("%s %s (conflict %s ", keep, late.name, late.name); !strings.HasPrefix(copy, want) || !strings.HasSuffix(copy, ").txt") {
				t.Errorf("the copy is called %q", copy)
			}
			if early.text(copy) != "and by "+late.name || early.text(name) != "by "+early.name {
				t.Errorf("%s has %q and %q", early.name, early.text(name), early.text(copy))
			}
			late.fails(6, "status", "--exit-code", late.tree)
			late.must("conflicts", "show", late.at(name))
			late.must("conflicts", "resolve", "-n", "--keep", keep, late.at(name))
			if late.text(copy) == "" || late.text(name) != "by "+early.name {
				t.Error("a dry run decided something")
			}
			late.must("conflicts", "resolve", "--keep", keep, late.at(copy))
			late.fails(0, "status", "--exit-code", late.tree)
			late.sync(0)
			early.sync(0)
			alike(t, one, two)
			want := "by " + early.name
			if keep == "local" {
				want = "and by " + late.name
			}
			if got := early.text(name); got != want || early.has(copy) != (keep == "both") {
				t.Errorf("--keep %s: the name has %q, the copy is there: %v", keep, got, early.has(copy))
			}
			late.fails(3, "conflicts", "show", late.at(name))
		}
	}
	// What lost its name is among the versions, what lost altogether in the trash.
	if out := one.must("versions", "home:tree/local one.txt"); strings.Count(out, "\n") < 3 {
		t.Errorf("versions of a file that was decided: %s", out)
	}
	if out := one.must("trash", "ls", "home:"); !strings.Contains(out, "remote two (conflict two ") {
		t.Errorf("trash: %s", out)
	}
}

// What is ignored is neither sent nor fetched nor deleted; the patterns are synced, the local ones are not.
func TestSyncIgnores(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	one.put(".sluiceignore", "*.o\n/build/\n!keep.o\n")
	one.put("sub/.sluiceignore", "*.log\n")
	one.put(".sluiceignore.local", "mine\n")
	for _, path := range []string{"a.c", "a.o", "keep.o", "build/x", "sub/x.log", "sub/y", "x.log", "mine"} {
		one.put(path, path)
	}
	two.put("b.o", "of two")
	two.put("mine", "of two, where it is not ignored")
	one.sync(0)
	two.sync(0)
	one.sync(0)
	for path, want := range map[string]bool{"a.c": true, "a.o": false, "keep.o": true, "build": false, "sub/x.log": false, "sub/y": true, "x.log": true,
		".sluiceignore": true, ".sluiceignore.local": false} {
		if two.has(path) != want {
			t.Errorf("%s is on the other device: %v, want %v", path, !want, want)
		}
	}
	if one.has("b.o") || one.text("mine") != "mine" || two.text("mine") == "mine" {
		t.Error("what is ignored came over")
	}
	must(t, os.Remove(one.at("a.o")))
	one.sync(0)
	two.put("a.o", "what is ignored on both")
	two.sync(0)
	if one.has("a.o") {
		t.Error("a.o came over")
	}
	r := one.fails(0, "ignore", "check", "--json", one.at("build/x"))
	var rule struct {
		Ignored bool
		File    string
		Line    int
	}
	must(t, json.Unmarshal([]byte(r.stdout), &rule))
	if !rule.Ignored || filepath.Base(rule.File) != ".sluiceignore" || rule.Line != 2 {
		t.Errorf("ignore check: %+v", rule)
	}
	one.fails(3, "ignore", "check", one.at("a.c"))
	// A pattern that goes lets the names come.
	must(t, os.Remove(one.at(".sluiceignore")))
	must(t, os.Remove(one.at("sub/.sluiceignore")))
	one.sync(0)
	two.sync(0)
	must(t, os.Remove(one.at(".sluiceignore.local")))
	one.sync(6) // mine, which differs
	two.sync(0)
	alike(t, one, two)
	if two.text("sub/x.log") != "sub/x.log" || one.text("a.o") != "what is ignored on both" {
		t.Error("what was ignored did not come")
	}
}

// Removing a folder from the sync deletes it nowhere, and it can begin anew.
func TestSyncForget(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one := newDevice(t, s, "ann", "one")
	sampleTree(t, one.tree)
	one.sync(0)
	before := contents(t, one.tree)
	one.must("sync", "--forget", "-n", one.tree)
	one.report()
	one.must("sync", "--forget", one.tree)
	one.fails(3, "sync", one.tree)
	one.must("stat", "home:tree/many/5/5")
	one.sync(0)
	if fmt.Sprint(contents(t, one.tree)) != fmt.Sprint(before) {
		t.Error("to forget a folder and to sync it again changed it")
	}
}

// Each end that a person or a script has to tell apart has its code.
func TestSyncExitCodes(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	addUser(t, data, "ann")
	addUser(t, data, "bob", "--quota", "1M")
	s := startServer(t, data)
	one := newDevice(t, s, "ann", "one")
	one.fails(2, "sync", one.tree, "home:tree", "more")
	one.fails(2, "sync", "--max-delete", "many", one.tree, "home:tree")
	one.fails(3, "sync", one.at("no such folder"), "home:tree")
	one.fails(3, "sync", one.tree)
	if r := one.fails(3, "wait", "--synced"); !strings.Contains(r.stderr, "sluice sync DIR REMOTE:PATH") {
		t.Errorf("there is nothing to wait for: %s", r.stderr)
	}
	one.put("sub/f", "f")
	one.sync(0)
	one.fails(2, "sync", one.at("sub"), "home:other") // one lies in the other
	must(t, os.Chmod(one.at("sub/f"), 0o600))
	if r := one.sync(0); !strings.HasPrefix(r.stdout, "1 mode or time set; in sync") {
		t.Errorf("after a chmod: %s", r.stdout)
	}

	// 5: somebody else keeps it in step, and it is said who.
	w := one.watch()
	for _, more := range [][]string{nil, {"--watch"}} {
		if r := one.sync(5, more...); !strings.Contains(r.stderr, strconv.Itoa(w.command.Process.Pid)) {
			t.Errorf("who holds the folder is not said: %s", r.stderr)
		}
	}
	w.stop()
	one.sync(0)

	// 9: more deletes than is likely.
	for i := range 100 {
		one.put(fmt.Sprint("many/", i), strconv.Itoa(i))
	}
	one.sync(0)
	must(t, os.RemoveAll(one.at("many")))
	if r := one.sync(9); !strings.Contains(r.stderr, "  many/9") {
		t.Errorf("a safety stop says: %s%s", r.stdout, r.stderr)
	}
	if r := one.sync(9, "--json"); !strings.Contains(r.stderr, `"many/7"`) {
		t.Errorf("a safety stop says in JSON: %s%s", r.stdout, r.stderr)
	}
	one.must("stat", "home:tree/many/7")
	one.sync(9, "--max-delete", "99")
	one.sync(0, "--max-delete", "99%", "-n")
	one.must("stat", "home:tree/many/7")
	one.sync(0, "-y")
	one.fails(3, "stat", "home:tree/many/7")

	// 8: the account is full. What fits is there, what does not is told, and heals.
	bob := newDevice(t, s, "bob", "bob")
	bob.put("before", "fits")
	bob.sync(0)
	write(t, bob.at("big"), content(1, 2<<20), 0o644, time.Unix(1, 0))
	bob.sync(8)
	if r := bob.report(); r.State == "in-sync" {
		t.Errorf("over quota and %s", r.State)
	}
	must(t, os.Remove(bob.at("big")))
	bob.put("small", "fits")
	bob.sync(0)

	// 5: no server. 4: no longer logged in.
	s.stop()
	one.sync(5, "--timeout", "2s")
	s2 := startServer(t, data, "--listen", s.address)
	one.sync(0)
	one.revoke()
	one.sync(4)
	s2.answers()
}

// A watcher carries what changes within a second or so, tells how it is, and ends cleanly.
func TestSyncWatch(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	// Without a folder for sockets they are in the state's.
	one.env = append(one.env, "XDG_RUNTIME_DIR=")
	two.env = append(two.env, "XDG_RUNTIME_DIR=/no/such folder")
	a, b := one.watch(), two.watch()
	one.put("dir/file", "hello")
	one.synced()
	if r := one.report(); r.State != "in-sync" || r.Pid != a.command.Process.Pid || r.Watched != 2 || r.Names != 2 || r.Scanned.IsZero() {
		t.Errorf("after wait --synced: %+v", r)
	}
	if out := one.must("stat", "home:tree/dir/file"); !strings.Contains(out, "file") {
		t.Error(out)
	}
	within(t, 10*time.Second, "the file is on the other device", func() bool { return two.has("dir/file") })
	two.put("dir/file", "and back")
	within(t, 10*time.Second, "the edit is back", func() bool { return one.text("dir/file") == "and back" })
	must(t, os.Rename(one.at("dir"), one.at("renamed")))
	one.put("renamed/more/deep", "in a folder that is new")
	within(t, 10*time.Second, "the folder was moved there too", func() bool { return two.has("renamed/more/deep") && !two.has("dir") })
	must(t, os.RemoveAll(two.at("renamed/more")))
	within(t, 10*time.Second, "the delete came over", func() bool { return !one.has("renamed/more") })
	two.synced()
	one.synced()
	alike(t, one, two)

	// Patterns that come or go hold at once, on both.
	one.put("a.tmp", "before the pattern")
	one.synced()
	one.put(".sluiceignore", "*.tmp\n")
	one.synced()
	within(t, 10*time.Second, "the patterns came over", func() bool { return two.has(".sluiceignore") })
	two.synced()
	one.put("b.tmp", "ignored")
	two.put("b.tmp", "ignored there too")
	one.synced()
	two.synced()
	if one.text("b.tmp") != "ignored" || two.text("b.tmp") != "ignored there too" {
		t.Error("what is ignored was synced")
	}
	must(t, os.Remove(two.at("b.tmp")))
	must(t, os.Remove(one.at(".sluiceignore")))
	within(t, 10*time.Second, "what was ignored comes when the pattern goes", func() bool { return two.has("b.tmp") })
	one.synced()
	two.synced()
	alike(t, one, two)

	a.stop()
	b.stop()
	for _, d := range []*device{one, two} {
		if r := d.report(); r.Pid != 0 || r.State != "in-sync" {
			t.Errorf("after the watcher of %s ended: %+v", d.name, r)
		}
	}
	one.fails(5, "wait", "--synced", one.tree)
	one.sync(0)
	two.sync(0)
	alike(t, one, two)
}

// A device that is no longer logged in stops at once, and does not try again.
func TestSyncRevoked(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one := newDevice(t, s, "ann", "one")
	one.put("f", "f")
	w := one.watch()
	one.synced()
	one.revoke()
	if code := w.ends(20 * time.Second); code != 4 {
		t.Errorf("a watcher whose device was revoked ended with %d", code)
	}
	one.sync(4)
	if one.text("f") != "f" {
		t.Error("a file changed")
	}
}

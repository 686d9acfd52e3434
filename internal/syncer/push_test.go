package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// lay writes files ("path content"), folders ("path/") and links ("path ->target") below dir, with old times.
func lay(t *testing.T, dir string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		path, content, _ := strings.Cut(line, " ")
		full := filepath.Join(dir, path)
		if strings.HasSuffix(path, "/") {
			check(t, os.MkdirAll(full, 0o755))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if target, ok := strings.CutPrefix(content, "->"); ok {
			check(t, os.Symlink(target, full))
			continue
		}
		check(t, os.WriteFile(full, []byte(content), 0o644))
		old := time.Unix(1700000000, 123456789)
		check(t, os.Chtimes(full, old, old))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func push(t *testing.T, f *fake, dir string, change func(*PushOptions)) (*Totals, error) {
	t.Helper()
	o := PushOptions{Common: Common{Server: f, Dir: dir, Path: []string{"p"}}}
	if change != nil {
		change(&o)
	}
	before := descriptors(t)
	totals, err := Push(t.Context(), o)
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	return totals, err
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return len(list)
}

func mustPush(t *testing.T, f *fake, dir string, change func(*PushOptions)) *Totals {
	t.Helper()
	totals, err := push(t, f, dir, change)
	if err != nil {
		t.Fatalf("push: %v %+v", err, totals.Problems)
	}
	return totals
}

func TestPush(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "b one", "d/c two", "d/e/f three", "empty/", "l ->../elsewhere", "zero ", "\xff\n% bytes")
	check(t, os.Chmod(filepath.Join(dir, "a"), 0o4755))
	totals := mustPush(t, f, dir, func(o *PushOptions) { o.Path = []string{"deep", "er"} })
	if totals.Sent != 6 || totals.Instant != 1 || totals.Folders != 5 || totals.Unchanged != 0 {
		t.Errorf("totals %+v", totals)
	}
	if f.haves != 0 {
		t.Error("an empty account was asked what it holds")
	}
	a := f.at("deep", "er", "a")
	if a == nil || a.Mode != 0o755 || a.Mtime != 1700000000123456789 || string(f.contents[a.Hash]) != "one" {
		t.Errorf("a: %+v", a)
	}
	if l := f.at("deep", "er", "l"); l == nil || l.Kind != proto.KindLink || string(f.contents[l.Hash]) != "../elsewhere" {
		t.Errorf("l: %+v", l)
	}
	if e := f.at("deep", "er", "empty"); e == nil || e.Kind != proto.KindFolder {
		t.Errorf("empty: %+v", e)
	}
	if f.at("deep", "er", "\xff\n%") == nil || f.at("deep", "er", "d", "e", "f") == nil {
		t.Error("names are missing")
	}

	again := mustPush(t, f, dir, func(o *PushOptions) { o.Path = []string{"deep", "er"} })
	if again.Sent+again.Instant+again.Set+again.Folders != 0 || again.Unchanged != 7 {
		t.Errorf("nothing changed, but %+v", again)
	}
}

func TestPushSendsOnlyWhatIsNeeded(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "b two")
	mustPush(t, f, dir, nil)
	f.putBytes = 0
	now := time.Now()
	check(t, os.Chtimes(filepath.Join(dir, "a"), now, now)) // touched
	check(t, os.WriteFile(filepath.Join(dir, "b"), []byte("new"), 0o600))
	check(t, os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "c"))) // its folder's time changes, too
	lay(t, dir, "copy one")
	totals := mustPush(t, f, dir, nil)
	if totals.Sent != 1 || totals.Instant != 1 || totals.Set != 2 || f.putBytes != 3 {
		t.Errorf("%d bytes, totals %+v", f.putBytes, totals)
	}
	if f.at("p", "b") == nil {
		t.Error("without --delete b was removed")
	}
}

func TestPushManyFiles(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	var lines []string
	for i := range 2500 {
		lines = append(lines, fmt.Sprintf("d%d/e%d/f%d %d", i%7, i%150, i, i/3)) // a third of the contents are unique
	}
	lay(t, dir, lines...)
	totals := mustPush(t, f, dir, nil)
	if totals.Sent+totals.Instant != 2500 || totals.Sent != 834 {
		t.Errorf("totals %+v", totals)
	}
	if len(f.contents) != 834 {
		t.Errorf("%d contents", len(f.contents))
	}
}

func TestPushLarge(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	big := bytes.Repeat([]byte("0123456789abcdef"), client.MaxObjectsBody/16)
	check(t, os.WriteFile(filepath.Join(dir, "edge"), big, 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "over"), append(big, 1), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "twin"), append(big, 1), 0o644))
	var p Progress
	totals := mustPush(t, f, dir, func(o *PushOptions) { o.Progress = &p })
	if totals.Sent != 2 || totals.Instant != 1 {
		t.Errorf("totals %+v", totals)
	}
	if p.Done.Load() != 3 || p.DoneBytes.Load() != p.FoundBytes.Load() {
		t.Errorf("progress ends at %d of %d bytes", p.DoneBytes.Load(), p.FoundBytes.Load())
	}
}

func TestPushDelete(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "d/b two", "d/c three")
	mustPush(t, f, dir, nil)
	check(t, os.RemoveAll(filepath.Join(dir, "d")))
	lay(t, dir, "d now a file")
	totals := mustPush(t, f, dir, func(o *PushOptions) { o.Delete = true })
	if totals.Deleted != 2 || f.at("p", "d").Kind != proto.KindFile {
		t.Errorf("totals %+v", totals)
	}
	check(t, os.Remove(filepath.Join(dir, "d")))
	check(t, os.Remove(filepath.Join(dir, "a")))
	_, err := push(t, f, dir, func(o *PushOptions) { o.Delete = true })
	if client.ExitCode(err) != client.ExitSafety {
		t.Errorf("an emptied source: %v", err)
	}
	if f.at("p", "a") == nil {
		t.Error("a was deleted")
	}
	listed := 0
	_, err = push(t, f, dir, func(o *PushOptions) {
		o.Delete, o.DryRun = true, true
		o.Events = func(Event) { listed++ }
	})
	if client.ExitCode(err) != client.ExitSafety || listed != 3 { // a, d and the root's time
		t.Errorf("a dry run lists all and says that it would stop: %d events, %v", listed, err)
	}
	mustPush(t, f, dir, func(o *PushOptions) { o.Delete, o.Sure = true, true })
	if f.at("p", "a") != nil {
		t.Error("a is still there")
	}
}

func TestPushDryRun(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "d/b two")
	var events []string
	totals := mustPush(t, f, dir, func(o *PushOptions) {
		o.DryRun = true
		o.Events = func(e Event) { events = append(events, string(e.What)+" "+e.Path) }
	})
	if got := strings.Join(events, ", "); got != "made d, sent a, sent d/b" || totals.Sent != 2 {
		t.Errorf("%s; %+v", got, totals)
	}
	if len(f.nodes) != 1 || f.commits+f.puts > 0 {
		t.Error("a dry run changed something")
	}
}

func TestPushSpecialAndUnreadable(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "secret two", "d/b three")
	check(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	want := 1
	if os.Geteuid() != 0 { // root reads everything
		check(t, os.Chmod(filepath.Join(dir, "secret"), 0))
		check(t, os.Chmod(filepath.Join(dir, "d"), 0))
		defer os.Chmod(filepath.Join(dir, "d"), 0o755)
		want = 3
	}
	totals, err := push(t, f, dir, nil)
	if client.ExitCode(err) != client.ExitSomeFailed || len(totals.Problems) != want {
		t.Errorf("%v: %+v", err, totals.Problems)
	}
	if f.at("p", "a") == nil {
		t.Error("a did not arrive")
	}
}

// A file that changes while it is read is sent again; what arrives is one state of it.
func TestPushFileThatChanges(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	path := filepath.Join(dir, "a")
	stop := make(chan struct{})
	var group sync.WaitGroup
	check(t, os.WriteFile(path, bytes.Repeat([]byte{0}, 1<<20), 0o644))
	group.Go(func() {
		for i := byte(1); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
				_ = os.WriteFile(path, bytes.Repeat([]byte{i}, 1<<20), 0o644)
			}
		}
	})
	for range 10 {
		totals, err := Push(t.Context(), PushOptions{Common: Common{Server: f, Dir: dir, Path: []string{"p"}}})
		if err != nil && client.ExitCode(err) != client.ExitSomeFailed {
			t.Fatalf("%v: %+v", err, totals.Problems)
		}
		time.Sleep(20 * time.Millisecond)
	}
	close(stop)
	group.Wait()
	for h, b := range f.contents {
		if len(b) > 0 && !bytes.Equal(b, bytes.Repeat(b[:1], len(b))) {
			t.Errorf("content %x is a mixture", h[:4])
		}
	}
	mustPush(t, f, dir, nil)
}

// A link put in a folder's place while the tree is read leads nowhere.
func TestPushNeverFollowsLinks(t *testing.T) {
	f, dir, outside := newFake(t), t.TempDir(), t.TempDir()
	lay(t, outside, "secret outside")
	lay(t, dir, "d/secret inside", "e/x y")
	at, err := openBeneath(dir)
	check(t, err)
	defer at.close()
	check(t, os.RemoveAll(filepath.Join(dir, "d")))
	check(t, os.Symlink(outside, filepath.Join(dir, "d")))
	for _, slow := range []bool{false, true} {
		at.slow = at.slow || slow
		for _, rel := range []string{"d/secret", "../x", "e/../../x"} {
			if rel[0] == '.' && at.slow || at.slow && strings.Contains(rel, "..") {
				continue // names are checked before; only openat2 refuses them by itself
			}
			if fd, err := at.open(rel, unix.O_RDONLY, 0); err == nil {
				unix.Close(fd)
				t.Errorf("%s was opened (slow %v)", rel, slow)
			}
		}
		if fd, err := at.folder("d"); err == nil {
			unix.Close(fd)
			t.Errorf("a link was opened as a folder (slow %v)", slow)
		}
		fd, err := at.open("e/x", unix.O_RDONLY, 0)
		if err != nil {
			t.Fatalf("e/x (slow %v): %v", slow, err)
		}
		unix.Close(fd)
	}
	mustPush(t, f, dir, nil)
	if d := f.at("p", "d"); d == nil || d.Kind != proto.KindLink {
		t.Errorf("d: %+v", d)
	}
}

func TestPushConflicts(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "b two", "d/c three")
	mustPush(t, f, dir, nil)
	lay(t, dir, "a mine", "b equal", "new mine", "d2/x y")
	var once sync.Once
	f.beforeCommit = func(*client.CommitRequest) {
		once.Do(func() {
			parent := f.at("p").Node
			f.put(parent, "a", "theirs", 5)
			f.put(parent, "b", "equal", 1700000000123456789)
			f.put(parent, "new", "theirs", 5)
			f.mu.Lock()
			f.version++
			f.add(&client.Entry{Node: f.version + 5000, Parent: parent, Name: "d2", Kind: proto.KindFolder, Version: f.version})
			f.mu.Unlock()
		})
	}
	totals, err := push(t, f, dir, nil)
	if client.ExitCode(err) != client.ExitConflicts {
		t.Fatalf("%v: %+v", err, totals.Problems)
	}
	var paths []string
	for _, p := range totals.Problems {
		paths = append(paths, p.Path)
	}
	if got := strings.Join(paths, " "); got != "a new" {
		t.Errorf("conflicts: %s", got)
	}
	if string(f.contents[f.at("p", "a").Hash]) != "theirs" {
		t.Error("theirs was overwritten")
	}
	if f.at("p", "d2", "x") == nil {
		t.Error("a folder made by someone else meanwhile was not used")
	}
}

func TestPushQuota(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	f.quota = 3
	lay(t, dir, "a too long")
	if _, err := push(t, f, dir, nil); client.ExitCode(err) != client.ExitSpace {
		t.Errorf("got %v", err)
	}
}

func TestPushExclude(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a.o x", "a.c y", "build/z z", ".sluice-tmp-123 leftover")
	var filter Filter
	filter.Add("*.o")
	filter.Add("build/")
	totals := mustPush(t, f, dir, func(o *PushOptions) { o.Filter = &filter })
	if totals.Sent != 1 || totals.Excluded != 2 || f.at("p", "a.c") == nil || f.at("p", "build") != nil || f.at("p", ".sluice-tmp-123") != nil {
		t.Errorf("totals %+v", totals)
	}
}

func TestPushChecksum(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "b two")
	mustPush(t, f, dir, nil)
	lay(t, dir, "a won") // same size, same time
	if totals := mustPush(t, f, dir, nil); totals.Unchanged != 2 {
		t.Errorf("totals %+v", totals)
	}
	time.Sleep(settle + 5*time.Millisecond)
	hashes := Hashes{Dir: t.TempDir(), young: settle}
	for i, want := range []Totals{{Sent: 1, Unchanged: 1}, {Unchanged: 2}} {
		totals := mustPush(t, f, dir, func(o *PushOptions) { o.Checksum, o.Hashes = true, hashes })
		if totals.Sent != want.Sent || totals.Unchanged != want.Unchanged {
			t.Errorf("run %d: totals %+v", i, totals)
		}
	}
	if n := hashes.count(t, dir); n != 2 {
		t.Errorf("%d hashes are remembered", n)
	}
}

func TestPushStops(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("f%d %d", i, i))
	}
	lay(t, dir, lines...)
	stop := make(chan struct{})
	var once sync.Once
	f.beforePut = func() { once.Do(func() { close(stop) }) }
	_, err := push(t, f, dir, func(o *PushOptions) { o.Stop = stop })
	if !errors.Is(err, ErrInterrupted) || client.ExitCode(err) != client.ExitInterrupted {
		t.Fatalf("got %v", err)
	}
	mustPush(t, f, dir, nil)
	if listing, _ := f.ListAll(t.Context(), f.at("p").Node); len(listing.Entries) != 1000 {
		t.Errorf("%d names after the second run", len(listing.Entries))
	}
}

func TestPushCancelled(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one")
	ctx, cancel := context.WithCancel(t.Context())
	f.beforePut = cancel
	_, err := Push(ctx, PushOptions{Common: Common{Server: f, Dir: dir, Path: []string{"p"}}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPushWhatIsNoFolder(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one")
	f.put(fakeRoot, "file", "x", 1)
	for _, test := range []struct {
		dir  string
		path []string
		code int
	}{
		{filepath.Join(dir, "none"), []string{"p"}, client.ExitNotFound},
		{filepath.Join(dir, "a"), []string{"p"}, client.ExitUsage},
		{dir, []string{"file"}, client.ExitOther},
		{dir, []string{"file", "below"}, client.ExitOther},
	} {
		_, err := push(t, f, test.dir, func(o *PushOptions) { o.Path = test.path })
		if client.ExitCode(err) != test.code {
			t.Errorf("push %s to %v: %v", test.dir, test.path, err)
		}
	}
}

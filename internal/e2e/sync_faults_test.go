package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The server is gone for a while: the watchers say so, and go on by themselves when it is back.
func TestSyncServerGone(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	one.put("f", "before")
	one.watch()
	two.watch()
	one.synced()
	two.synced()
	s.kill()
	one.put("f", "while it was gone")
	two.put("g", "there too")
	for _, d := range []*device{one, two} {
		within(t, 30*time.Second, "status says offline", func() bool { return d.report().State == "offline" })
		if r := d.report(); r.Why == "" || r.Next.IsZero() {
			t.Errorf("offline, but why and until when: %+v", r)
		}
	}
	s.again()
	within(t, 60*time.Second, "both have both", func() bool {
		return one.has("g") && two.text("f") == "while it was gone"
	})
	one.synced()
	two.synced()
	alike(t, one, two)
}

// The server comes back from yesterday's backup: nothing is deleted here, and what it lacks goes up again.
func TestSyncServerRestored(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, data)
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	for i := range 100 {
		one.put(fmt.Sprintf("old/%d", i), fmt.Sprint("old ", i))
	}
	one.sync(0)
	two.sync(0)
	backup := filepath.Join(t.TempDir(), "backup")
	s.sluiced(0, "backup", backup, "--copy")
	for i := range 100 {
		one.put(fmt.Sprintf("new/%d", i), fmt.Sprint("new ", i))
	}
	must(t, os.Rename(one.at("old/7"), one.at("new/moved")))
	one.sync(0)
	two.sync(0)
	want := contents(t, one.tree)
	s.stop()
	must(t, os.Rename(data, data+".old"))
	s.sluiced(0, "restore", backup)
	s.launch("--listen", s.address)
	one.fails(3, "stat", "home:tree/new")
	for _, d := range []*device{one, two, one} {
		d.sync(0)
		have := contents(t, d.tree)
		for path, line := range want {
			if have[path] != line {
				t.Fatalf("%s: %s was %s and is %s", d.name, path, line, have[path])
			}
		}
	}
	alike(t, one, two)
	one.must("stat", "home:tree/new/moved")
	one.must("stat", "home:tree/new/99")
}

// A full disk here stops a sync with 8 and breaks nothing; a disk that is not mounted, or another one, stops it with 9.
func TestSyncDisk(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	grow := memoryDisk(t, two.tree, "4m")
	one.put("a", "small")
	one.sync(0)
	two.sync(0)
	write(t, one.at("large"), content(1, 20<<20), 0o644, time.Unix(1, 0))
	one.put("a", "edited")
	one.sync(0)
	two.sync(8)
	if two.has("large") || two.report().State == "in-sync" {
		t.Errorf("the disk is full, large is there: %v, %s", two.has("large"), two.report().State)
	}
	one.must("stat", "home:tree/large")
	w := two.watch()
	within(t, 30*time.Second, "a watcher says that there is no room", func() bool {
		r := two.report()
		return r.State == "failing" && strings.Contains(r.Why, "no space") && !r.Next.IsZero()
	})
	must(t, os.WriteFile(two.at("a"), []byte("edited there"), 0o644))
	grow("64m")
	within(t, 60*time.Second, "the watcher goes on", func() bool { return two.has("large") })
	two.synced()
	w.stop()
	one.sync(0)
	alike(t, one, two)
	must(t, syscall.Unmount(two.tree, 0))
	for _, more := range [][]string{nil, {"-y"}, {"--watch"}, {"--watch", "-y"}} {
		two.sync(9, more...)
	}
	memoryDisk(t, two.tree, "64m")
	two.sync(9)
	two.sync(9, "-y")
	if len(contents(t, two.tree)) != 0 {
		t.Error("something was written where the disk was not")
	}
	one.must("stat", "home:tree/a")
	two.must("sync", "--forget", two.tree) // the disk is new, and is to be filled
	two.sync(0)
	one.sync(0)
	if !one.has("large") {
		t.Error("a new disk deleted on the others")
	}
	alike(t, one, two)
}

// What cannot be read fails by itself and is never a delete.
func TestSyncUnreadable(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root becomes an ordinary user, who may not read all")
	}
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	for _, path := range []string{"f", "sub/g", "sub/h", "closed/i"} {
		one.put(path, path)
	}
	const nobody = 65534
	must(t, os.Chmod(filepath.Dir(one.dir), 0o755))
	must(t, exec.Command("chown", "-R", fmt.Sprint(nobody), one.dir).Run())
	one.user = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	one.sync(0)
	two.sync(0)
	one.put("f", "edited, and not to be read")
	must(t, os.Chown(one.at("f"), 0, 0))
	must(t, os.Chmod(one.at("f"), 0o600))
	must(t, os.Chown(one.at("closed"), 0, 0))
	must(t, os.Chmod(one.at("closed"), 0o700))
	one.put("sub/g", "edited")
	one.sync(7)
	if r := one.report(); r.State != "failing" || len(r.Problems) != 2 {
		t.Errorf("status: %+v", r)
	}
	one.fails(7, "status", "--exit-code", one.tree)
	two.sync(0)
	if two.text("f") != "f" || two.text("closed/i") != "closed/i" || two.text("sub/g") != "edited" {
		t.Error("what could not be read changed elsewhere, or stopped the rest")
	}
	must(t, os.Chmod(one.at("f"), 0o644))
	must(t, os.Chmod(one.at("closed"), 0o755))
	one.sync(0)
	two.sync(0)
	if two.text("f") != "edited, and not to be read" {
		t.Error("what can be read again did not come")
	}
}

// A file that never stops changing stops nothing else, and is never sent as a mixture.
func TestSyncRestlessFile(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	const size = 1 << 20
	generation := func(n int) []byte { return []byte(strings.Repeat(fmt.Sprintf("%015d\n", n), size/16)) }
	must(t, os.WriteFile(one.at("restless"), generation(0), 0o644))
	f, err := os.OpenFile(one.at("restless"), os.O_WRONLY, 0)
	must(t, err)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 1; ; n++ {
			if _, err := f.WriteAt(generation(n), 0); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	one.put("quiet", "goes up")
	r := one.run(one.args()...)
	if r.code != 0 && r.code != 7 {
		t.Errorf("a sync beside a file that changes ended with %d:\n%s", r.code, r.stderr)
	}
	if out := one.must("cat", "home:tree/quiet"); out != "goes up" {
		t.Errorf("the other file: %q", out)
	}
	close(stop)
	writer.Wait()
	must(t, f.Close())
	one.sync(0)
	two.sync(0)
	alike(t, one, two)
}

// Files that are ignored cost a sync little, and a watcher nothing.
func TestSyncIgnoresMany(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one := newDevice(t, s, "ann", "one")
	folders, limit := 20, 30*time.Second
	if long() {
		folders = 1000
	}
	one.put(".sluiceignore", "cache/\n")
	for i := range folders {
		must(t, os.MkdirAll(one.at(fmt.Sprint("cache/", i)), 0o755))
		for j := range 1000 {
			f, err := os.Create(one.at(fmt.Sprintf("cache/%d/%d", i, j)))
			must(t, err)
			must(t, f.Close())
		}
	}
	one.put("f", "f")
	began := time.Now()
	one.sync(0)
	if took := time.Since(began); took > limit {
		t.Errorf("a sync beside %d ignored files took %v", folders*1000, took)
	}
	one.watch()
	one.synced()
	if r := one.report(); r.Watched != 1 || r.Names != 2 {
		t.Errorf("%d folders are watched and %d names synced, want 1 and 2", r.Watched, r.Names)
	}
}

// Files that were synced and are ignored by now stay on both sides, however many there are, whatever happens to their folder;
// and a folder that holds some is not removed.
func TestSyncIgnoredLater(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	const files = 300
	for i := range files {
		one.put(fmt.Sprintf("dir/%d.o", i), strconv.Itoa(i))
	}
	one.put("dir/f", "f")
	one.sync(0)
	two.sync(0)
	one.put(".sluiceignore", "/dir/*.o\n")
	must(t, os.Remove(one.at("dir/7.o")))
	one.put("dir/8.o", "edited, and ignored")
	one.sync(0)
	two.sync(0)
	there := func(want int) {
		t.Helper()
		if n := strings.Count(one.must("ls", "-R", "home:tree"), ".o\n"); n != want {
			t.Errorf("the server has %d of these files, want %d", n, want)
		}
	}
	there(files)
	must(t, os.Rename(two.at("dir"), two.at("moved"))) // where nothing is ignored
	two.sync(0)
	one.sync(0)
	there(files)
	for i := range files {
		if path := fmt.Sprintf("moved/%d.o", i); !two.has(path) || i != 7 && !one.has(path) {
			t.Fatalf("%s is on one: %v, on two: %v", path, one.has(path), two.has(path))
		}
	}
	if one.text("moved/8.o") != "edited, and ignored" {
		t.Errorf("an edit is gone: %q", one.text("moved/8.o"))
	}
	one.sync(0)
	two.sync(0)
	alike(t, one, two)

	one.put(".sluiceignore", "*.o\n")
	one.sync(0)
	two.sync(0)
	must(t, os.Remove(two.at("moved/f")))
	two.sync(0)
	one.must("rm", "-r", "home:tree/moved")
	two.run(two.args("-y")...)
	one.run(one.args("-y")...)
	for _, d := range []*device{one, two} {
		if !d.has("moved/9.o") {
			t.Errorf("what is ignored was deleted on %s", d.name)
		}
	}
}

// Somebody puts a link where a folder was while files are written into it: nothing is written elsewhere.
func TestSyncLinkSwappedIn(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	for i := range 400 {
		one.put(fmt.Sprintf("dir/sub/%d", i), strings.Repeat("x", i))
	}
	one.sync(0)
	outside := filepath.Join(two.dir, "outside")
	must(t, os.MkdirAll(filepath.Join(outside, "sub"), 0o755))
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			os.Rename(two.at("dir"), two.dir+"/kept")
			os.Symlink(outside, two.at("dir"))
			time.Sleep(time.Millisecond)
			os.Remove(two.at("dir"))
			os.Rename(two.dir+"/kept", two.at("dir"))
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	for range 3 {
		two.run(two.args("-y")...) // however it ends
	}
	close(stop)
	swapper.Wait()
	if all := contents(t, outside); len(all) != 1 {
		t.Errorf("written outside of the folder: %v", all)
	}
	s.answers()
}

// Names that differ in case, or in the way an accent is written, are different names, and stay as they are.
func TestSyncAlikeNames(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	names := []string{"readme", "README", "Readme", "caf\u00e9", "cafe\u0301", "\u212b", "\u00c5", "A\u030a"}
	for _, name := range names {
		one.put(name, "of one: "+name)
	}
	one.sync(0)
	two.sync(0)
	must(t, os.Rename(two.at("README"), two.at("ReadMe")))
	must(t, os.Remove(two.at("cafe\u0301")))
	two.sync(0)
	one.sync(0)
	alike(t, one, two)
	if one.has("README") || one.text("ReadMe") != "of one: README" || one.has("cafe\u0301") || !one.has("caf\u00e9") {
		t.Error("one name was taken for another")
	}
}

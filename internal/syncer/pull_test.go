package syncer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

func pull(t *testing.T, f *fake, dir string, change func(*PullOptions)) (*Totals, error) {
	t.Helper()
	o := PullOptions{Common: Common{Server: f, Dir: dir, Path: []string{"p"}}}
	if change != nil {
		change(&o)
	}
	before := descriptors(t)
	totals, err := Pull(t.Context(), o)
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	for _, line := range picture(t, dir) {
		if strings.Contains(line, tempPrefix) {
			t.Errorf("left behind: %s", line)
		}
	}
	return totals, err
}

func mustPull(t *testing.T, f *fake, dir string, change func(*PullOptions)) *Totals {
	t.Helper()
	totals, err := pull(t, f, dir, change)
	if err != nil {
		t.Fatalf("pull: %v %+v", err, totals.Problems)
	}
	return totals
}

// picture tells all that a pull must bring back.
func picture(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		rel, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return nil
		}
		line := fmt.Sprintf("%q %v %d", rel, info.Mode(), info.ModTime().UnixNano())
		switch {
		case info.Mode().IsRegular():
			b, _ := os.ReadFile(path)
			line += fmt.Sprintf(" %d %x", len(b), b[:min(len(b), 32)])
		case info.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			line += " " + target
		}
		list = append(list, line)
		return nil
	})
	return list
}

func records(t *testing.T, dir string) *Records {
	t.Helper()
	r, err := OpenRecords(filepath.Join(t.TempDir(), "state.db"), "home", "s", dir)
	check(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func TestPullBringsBackWhatPushSent(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), filepath.Join(t.TempDir(), "made", "on the way")
	lay(t, from, "a one", "twin one", "d/b two", "d/e/c three", "empty/", "d/l ->../a", "broken ->/nowhere", "zero ", "\xff\n%1b\x1b x")
	check(t, os.WriteFile(filepath.Join(from, "big"), bytes.Repeat([]byte("x"), client.MaxObjectsBody+5), 0o600))
	for i := range 120 {
		lay(t, from, fmt.Sprintf("many/%d/f%d %d", i%40, i, i))
	}
	check(t, os.Chmod(filepath.Join(from, "d", "e"), 0o555))
	check(t, os.Chmod(filepath.Join(from, "a"), 0o400))
	old := unix.Timespec{Sec: -5, Nsec: 7}
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(from, "broken"), []unix.Timespec{old, old}, unix.AT_SYMLINK_NOFOLLOW))
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(from, "d"), []unix.Timespec{old, old}, 0))
	mustPush(t, f, from, nil)
	rec := records(t, to)
	set := func(o *PullOptions) { o.Records = rec }
	totals := mustPull(t, f, to, set)
	if totals.Sent != 129 || totals.Folders != 44 {
		t.Errorf("totals %+v", totals)
	}
	if want, got := picture(t, from), picture(t, to); !slices.Equal(want, got) {
		t.Fatalf("want %s\ngot  %s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}

	f.fetched = 0
	again := mustPull(t, f, to, set)
	if again.Unchanged != 129 || again.Sent+again.Set+again.Folders != 0 || f.fetched != 0 {
		t.Errorf("nothing changed, but %+v", again)
	}
	third := mustPull(t, f, to, nil) // without records all is compared by content
	if third.Unchanged != 129 || f.fetched != 0 {
		t.Errorf("nothing changed, but %+v", third)
	}
	check(t, os.Chmod(filepath.Join(to, "d", "e"), 0o755)) // so that an ordinary user can clean up
	check(t, os.Chmod(filepath.Join(from, "d", "e"), 0o755))
}

func TestPullReplacesWhatDiffers(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "same one", "longer two", "damaged three", "time four", "mode five", "link ->x", "file six")
	mustPush(t, f, from, nil)
	lay(t, to, "same one", "longer two and more", "damaged thrEE", "time four", "mode five", "mine stays", "link was a file", "file ->elsewhere")
	now := time.Now()
	check(t, os.Chtimes(filepath.Join(to, "time"), now, now))
	check(t, os.Chmod(filepath.Join(to, "mode"), 0o600))
	rec := records(t, to)
	totals := mustPull(t, f, to, func(o *PullOptions) { o.Records = rec })
	if totals.Sent != 4 || totals.Set != 3 || totals.Unchanged != 1 { // the root's time is set, too
		t.Errorf("totals %+v", totals)
	}
	if b, _ := os.ReadFile(filepath.Join(to, "damaged")); string(b) != "three" {
		t.Errorf("damaged: %q", b)
	}
	if _, err := os.Stat(filepath.Join(to, "mine")); err != nil {
		t.Error("without --delete mine was removed")
	}
}

// A recorded file that someone damaged in place, keeping size and time, is found by its change time.
func TestPullRecordedFileThatWasDamaged(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "a one")
	mustPush(t, f, from, nil)
	rec := records(t, to)
	set := func(o *PullOptions) { o.Records = rec }
	mustPull(t, f, to, set)
	time.Sleep(settle + 5*time.Millisecond)
	mustPull(t, f, to, set) // now it is recorded
	lay(t, to, "a ONE")
	if totals := mustPull(t, f, to, set); totals.Sent != 1 {
		t.Errorf("totals %+v", totals)
	}
}

func TestPullDelete(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "a one", "b two", "swap three")
	mustPush(t, f, from, nil)
	lay(t, to, "a one", "old/er/x y", "old/l ->/", "swap/y z", "keep.o x")
	var filter Filter
	filter.Add("*.o")
	totals, err := pull(t, f, to, nil)
	if client.ExitCode(err) != client.ExitSomeFailed || len(totals.Problems) != 1 || totals.Problems[0].Path != "swap" {
		t.Errorf("%v %+v", err, totals.Problems)
	}
	totals = mustPull(t, f, to, func(o *PullOptions) { o.Delete, o.Filter = true, &filter })
	if totals.Deleted != 3 {
		t.Errorf("totals %+v", totals)
	}
	names, _ := os.ReadDir(to)
	if len(names) != 4 {
		t.Errorf("left: %v", names)
	}
	f.drop(f.at("p", "a").Node)
	f.drop(f.at("p", "b").Node)
	f.drop(f.at("p", "swap").Node)
	if _, err := pull(t, f, to, func(o *PullOptions) { o.Delete = true }); client.ExitCode(err) != client.ExitSafety {
		t.Errorf("an emptied source: %v", err)
	}
	if _, err := os.Stat(filepath.Join(to, "a")); err != nil {
		t.Error("a was deleted")
	}
}

func TestPullDryRun(t *testing.T) {
	f, from := newFake(t), t.TempDir()
	lay(t, from, "a one")
	mustPush(t, f, from, nil)
	to := filepath.Join(t.TempDir(), "not there")
	if totals := mustPull(t, f, to, func(o *PullOptions) { o.DryRun = true }); totals.Sent != 1 {
		t.Errorf("totals %+v", totals)
	}
	if _, err := os.Lstat(to); err == nil {
		t.Error("a dry run made the folder")
	}
}

func TestPullLeftovers(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "a one", "d/b two")
	mustPush(t, f, from, nil)
	lay(t, to, tempPrefix+"00112233dead-1 half", "d/"+tempPrefix+"00112233dead-2 half", "other/"+tempPrefix+"00112233dead-3 half")
	mustPull(t, f, to, nil) // pull itself looks for what is left
}

func TestPullLocked(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "a one")
	mustPush(t, f, from, nil)
	other, err := openBeneath(to)
	check(t, err)
	defer other.close()
	check(t, unix.Flock(other.fd, unix.LOCK_EX))
	if _, err := pull(t, f, to, nil); client.ExitCode(err) != client.ExitTemporary {
		t.Errorf("got %v", err)
	}
}

// What the user does in the folder while a pull runs is never undone.
func TestPullWhileTheUserWorks(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "new theirs", "old theirs!", "other x")
	mustPush(t, f, from, nil)
	lay(t, to, "old before")
	var once sync.Once
	f.onGet = func(_ client.Hash, b []byte) ([]byte, error) {
		once.Do(func() {
			check(t, os.WriteFile(filepath.Join(to, "new"), []byte("mine"), 0o644))
			check(t, os.WriteFile(filepath.Join(to, "old"), []byte("mine too"), 0o644))
		})
		return b, nil
	}
	totals, err := pull(t, f, to, nil)
	if client.ExitCode(err) != client.ExitConflicts || len(totals.Problems) != 2 {
		t.Fatalf("%v %+v", err, totals.Problems)
	}
	for name, want := range map[string]string{"new": "mine", "old": "mine too", "other": "x"} {
		if b, _ := os.ReadFile(filepath.Join(to, name)); string(b) != want {
			t.Errorf("%s holds %q", name, b)
		}
	}
}

// A link swapped in for a folder while a pull runs leads nothing out of the folder.
func TestPullNeverLeavesTheFolder(t *testing.T) {
	f, from, to, outside := newFake(t), t.TempDir(), t.TempDir(), t.TempDir()
	lay(t, from, "d/a one", "d/b two", "x y")
	mustPush(t, f, from, nil)
	var once sync.Once
	f.onGet = func(_ client.Hash, b []byte) ([]byte, error) {
		once.Do(func() {
			check(t, os.RemoveAll(filepath.Join(to, "d")))
			check(t, os.Symlink(outside, filepath.Join(to, "d")))
		})
		return b, nil
	}
	totals, err := pull(t, f, to, nil)
	if client.ExitCode(err) != client.ExitSomeFailed || len(totals.Problems) < 2 {
		t.Errorf("%v %+v", err, totals.Problems)
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("outside: %v", left)
	}
}

func TestPullHostileServer(t *testing.T) {
	for name, lie := range map[string]func([]client.Entry) []client.Entry{
		"a name twice": func(list []client.Entry) []client.Entry {
			twin := list[0]
			twin.Node += 500
			return append(list, twin)
		},
		"no parent": func(list []client.Entry) []client.Entry {
			list[0].Parent = 987654
			return list
		},
		"its own parent": func(list []client.Entry) []client.Entry {
			return append(list, client.Entry{Node: 777, Parent: 777, Name: "loop", Kind: proto.KindFolder})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, from, to := newFake(t), t.TempDir(), t.TempDir()
			lay(t, from, "a one")
			mustPush(t, f, from, nil)
			lay(t, to, "mine x")
			f.listed = lie
			_, err := pull(t, f, to, func(o *PullOptions) { o.Delete, o.Sure = true, true })
			if client.ExitCode(err) != client.ExitProtocol {
				t.Fatalf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(to, "mine")); err != nil {
				t.Error("mine was removed on the word of such a list")
			}
		})
	}
}

func TestPullContentGone(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "a one", "b two")
	mustPush(t, f, from, nil)
	delete(f.contents, f.at("p", "a").Hash)
	totals, err := pull(t, f, to, nil)
	if client.ExitCode(err) != client.ExitSomeFailed || len(totals.Problems) != 1 || totals.Sent != 1 {
		t.Errorf("%v %+v", err, totals)
	}
}

func TestPullNetworkFails(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	for i := range 200 {
		lay(t, from, fmt.Sprintf("f%d %d", i, i))
	}
	mustPush(t, f, from, nil)
	broken := errors.New("network is gone")
	n := 0
	f.onGet = func(_ client.Hash, b []byte) ([]byte, error) {
		if n++; n > 100 {
			return nil, broken
		}
		return b, nil
	}
	if _, err := pull(t, f, to, nil); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	f.onGet = nil
	mustPull(t, f, to, nil)
	if names, _ := os.ReadDir(to); len(names) != 200 {
		t.Errorf("%d names", len(names))
	}
}

func TestPullStops(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	for i := range 500 {
		lay(t, from, fmt.Sprintf("f%d %d", i, i))
	}
	mustPush(t, f, from, nil)
	stop := make(chan struct{})
	var once sync.Once
	f.onGet = func(_ client.Hash, b []byte) ([]byte, error) {
		once.Do(func() { close(stop) })
		return b, nil
	}
	if _, err := pull(t, f, to, func(o *PullOptions) { o.Stop = stop }); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("got %v", err)
	}
	f.onGet = nil
	totals := mustPull(t, f, to, nil)
	if totals.Unchanged == 0 || totals.Unchanged+totals.Sent != 500 {
		t.Errorf("totals %+v", totals)
	}
}

func TestPullWhatIsNoFolder(t *testing.T) {
	f, to := newFake(t), t.TempDir()
	f.put(fakeRoot, "file", "x", 1)
	lay(t, to, "local x")
	for _, test := range []struct {
		dir  string
		path []string
		code int
	}{
		{to, []string{"none"}, client.ExitNotFound},
		{to, []string{"file"}, client.ExitUsage},
		{filepath.Join(to, "local"), []string{}, client.ExitUsage},
	} {
		_, err := pull(t, f, test.dir, func(o *PullOptions) { o.Path = test.path })
		if client.ExitCode(err) != test.code {
			t.Errorf("pull %v to %s: %v", test.path, test.dir, err)
		}
	}
}

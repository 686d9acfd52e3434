package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// More is changed than the kernel keeps events for: the watcher says so, scans all, watches all there is, and is in step.
func TestSyncOverflow(t *testing.T) {
	const queue = "/proc/sys/fs/inotify/max_queued_events"
	before, err := os.ReadFile(queue)
	must(t, err)
	s := start(t, t.TempDir())
	one, two := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two")
	for i := range 20 {
		one.put(fmt.Sprintf("dir%d/f", i), "before")
	}
	one.sync(0)
	other := two.watch()
	if err := os.WriteFile(queue, []byte("32"), 0); err != nil {
		t.Skip("the length of the queue can only be set by root")
	}
	t.Cleanup(func() { os.WriteFile(queue, before, 0) })
	w := one.watch() // its queue is as long as the setting is when it begins
	must(t, os.WriteFile(queue, before, 0))
	one.synced()

	must(t, w.command.Process.Signal(syscall.SIGSTOP)) // a machine that is too busy to listen
	for i := range 20 {                                // renames, too: what was where is not told
		must(t, os.Rename(one.at(fmt.Sprint("dir", i)), one.at(fmt.Sprint("renamed", i))))
		for j := range 50 {
			one.put(fmt.Sprintf("new%d/%d/f", i, j), fmt.Sprint(i, j))
			must(t, os.WriteFile(one.at(fmt.Sprintf("renamed%d/f", i)), []byte(strconv.Itoa(j)), 0o644))
		}
	}
	must(t, w.command.Process.Signal(syscall.SIGCONT))
	within(t, 60*time.Second, "all is on the other device, and nobody was asked to look", func() bool { return len(differences(t, one.tree, two.tree)) == 0 })
	if !strings.Contains(w.log.String(), "did not tell all that was changed") {
		t.Errorf("nothing is said of what was lost:\n%s", w.log)
	}
	within(t, 30*time.Second, "it says that it is in sync", func() bool { return one.report().State == "in-sync" })
	if r := one.report(); r.Watched != 1+20+20+20*50 || r.Names != 20*2+20+20*50*2 {
		t.Errorf("%d folders are watched and %d names synced", r.Watched, r.Names)
	}
	one.put("new7/7/g", "in a folder that came unseen")
	within(t, 10*time.Second, "a file in a folder that came unseen is on the other device", func() bool { return two.has("new7/7/g") })
	w.stop()
	other.stop()
}

// A service is started before the folder's disk is there: the folder is synced, and watched, from when it is.
func TestSyncFolderComesLater(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	one := newDevice(t, s, "ann", "one")
	one.put(".sluiceignore", "cache/\n")
	one.put("cache/1/f", "ignored")
	one.put("dir/f", "f")
	one.sync(0)
	away := filepath.Join(one.dir, "away")
	must(t, os.Rename(one.tree, away))
	one.fails(3, "sync", one.tree, "home:tree", "--watch")
	w := one.launch(one.command("sync", "--all", "--watch"))
	within(t, 30*time.Second, "the watcher says that the folder is missing", func() bool {
		r := one.run("status", "--json")
		return strings.Contains(r.stdout, "no such file") && strings.Contains(r.stdout, fmt.Sprintf(`"pid":%d`, w.command.Process.Pid))
	})
	must(t, os.Rename(away, one.tree))
	within(t, 60*time.Second, "the folder is watched, but not what is ignored in it", func() bool {
		r := one.report()
		return r.State == "in-sync" && r.Watched == 2 && len(r.Unwatched) == 0
	})
	one.put("dir/g", "new")
	within(t, 10*time.Second, "a new file is on the server", func() bool { return one.run("stat", "home:tree/dir/g").code == 0 })
	w.stop()
}

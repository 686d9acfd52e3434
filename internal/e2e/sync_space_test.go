package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// memoryDisk mounts a disk of a size at dir, which need not be there, or skips the test. grow gives it another size.
func memoryDisk(t *testing.T, dir, size string) (grow func(size string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts")
	}
	must(t, os.MkdirAll(dir, 0o755))
	mount := func(flags uintptr, size string) {
		t.Helper()
		if err := syscall.Mount("none", dir, "tmpfs", flags, "size="+size+",mode=755"); err != nil {
			t.Skip("no mounts here: ", err)
		}
	}
	mount(0, size)
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return func(size string) {
		t.Helper()
		mount(syscall.MS_REMOUNT, size)
	}
}

// The server's disk fills up while two devices watch: both say so and try again, what is there stays there and can be read and
// removed, and when there is room they go on by themselves.
func TestSyncServerFull(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	grow := memoryDisk(t, disk, "32m")
	t.Parallel()
	s := start(t, filepath.Join(disk, "data"))
	one, two, three := newDevice(t, s, "ann", "one"), newDevice(t, s, "ann", "two"), newDevice(t, s, "ann", "three")
	one.put("before/f", "there")
	one.put("gone", "to be removed")
	write(t, three.at("mine"), content(98, 36<<20), 0o644, time.Unix(98, 0)) // which never has room
	a, b := one.watch(), two.watch()
	one.synced()
	two.synced()

	const many = 20
	for i := range many { // 40 MiB, of which some have room
		write(t, one.at(fmt.Sprint("large/", i)), content(uint64(i), 2<<20), 0o644, time.Unix(int64(i), 0))
	}
	write(t, two.at("other"), content(99, 36<<20), 0o644, time.Unix(99, 0)) // which never has room
	last := ""
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the last report: ", last)
		}
	})
	for _, d := range []*device{one, two} {
		within(t, 20*time.Second, d.name+" says that the server is full", func() bool {
			r := d.report()
			why := r.Why
			for _, p := range r.Problems { // of single files, where the others of a batch had room
				why += p.Reason
			}
			last = fmt.Sprintf("%+v", r)
			return r.State == "failing" && (strings.Contains(why, "no space") || strings.Contains(why, "no-space")) && !r.Next.IsZero()
		})
		within(t, 30*time.Second, d.name+" says so in words, between two tries", func() bool {
			out := d.must("status", d.tree)
			return strings.Contains(out, "failing") && strings.Contains(out, "trying again in")
		})
	}
	if r := three.sync(8); !strings.Contains(r.stderr, "disk is full") {
		t.Errorf("a sync with a full server says %s", r.stderr)
	}
	must(t, os.WriteFile(two.at("before/f"), []byte("edited while it was full"), 0o644))
	must(t, os.Remove(one.at("gone")))
	within(t, 30*time.Second, "status ends with 7, between two tries", func() bool { return one.run("status", "--exit-code", one.tree).code == 7 })
	if out := one.must("cat", "home:tree/before/f"); out != "there" && out != "edited while it was full" {
		t.Errorf("what was there before is %q", out)
	}
	for i := range many {
		if fi, err := os.Stat(one.at(fmt.Sprint("large/", i))); err != nil || fi.Size() != 2<<20 {
			t.Errorf("large/%d: %v, %v", i, fi, err)
		}
	}

	grow("256m")
	within(t, 2*time.Minute, "both have all", func() bool {
		return len(differences(t, one.tree, two.tree)) == 0 && one.has("other") && two.has("large/19")
	})
	three.sync(0)
	one.synced()
	two.synced()
	alike(t, one, two, three)
	if two.has("gone") || one.text("before/f") != "edited while it was full" || !one.has("mine") {
		t.Error("what was done while the server was full did not come over")
	}
	for _, w := range []*watcher{a, b} {
		if r := w.report(); r.State != "in-sync" || len(r.Problems)+len(r.Conflicts) != 0 {
			t.Errorf("in the end %s says %+v", w.name, r)
		}
		w.stop()
	}
	s.answers()
}

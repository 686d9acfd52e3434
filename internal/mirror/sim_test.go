package mirror

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// schedules is how many seeds are tried: few within the tests, many where SLUICE_TORTURE is set.
func schedules(few, many int) int {
	share, err := strconv.ParseFloat(os.Getenv("SLUICE_TORTURE"), 64)
	if err != nil || share <= 0 {
		return few
	}
	return max(few, int(share*float64(many)))
}

const simSeed = "SLUICE_SIM_SEED"

// TestSimulator lets devices and a server do what users, networks and crashes make them do, each schedule from one seed.
func TestSimulator(t *testing.T) {
	simulateAll(t, schedules(2000, 100000), func(*world) {})
}

// simulateAll makes n schedules in worlds that are prepared, or the one whose seed is asked for, or those from 5-9.
func simulateAll(t *testing.T, n int, prepare func(w *world)) {
	first := uint64(1)
	if text := os.Getenv(simSeed); text != "" {
		from, to, several := strings.Cut(text, "-")
		seed, err := strconv.ParseUint(from, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if !several {
			simulate(t, seed, true, prepare)
			return
		}
		last, err := strconv.ParseUint(to, 10, 64)
		if err != nil || last < seed {
			t.Fatalf("%s: %v", text, err)
		}
		first, n = seed, int(last-seed)+1
	}
	crashes := 0
	for i := range uint64(n) {
		crashes += simulate(t, first+i, false, prepare)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d schedules, %d crashes", n, crashes)
}

func simulate(t *testing.T, seed uint64, tell bool, prepare func(w *world)) int {
	w := newWorld(seed, 2+int(seed%2))
	prepare(w)
	func() {
		defer func() {
			if p := recover(); p != nil {
				if tell {
					t.Log(strings.Join(w.log, "\n"))
					panic(p)
				}
				w.wrong("panic: %v", p)
			}
		}()
		w.live()
	}()
	if w.fail != "" || tell {
		t.Log(strings.Join(w.log, "\n"))
	}
	if w.fail != "" {
		t.Errorf("seed %d: %s\nagain: %s=%d go test -tags '%s' -run '^%s$' ./internal/mirror/", seed, w.fail, simSeed, seed,
			"osusergo netgo sqlite_fts5 sqlite_omit_load_extension", t.Name())
	}
	return w.crashes
}

// live is one schedule: some time of use, then peace until nothing changes any more.
func (w *world) live() {
	w.batch = 1 + w.rand.IntN(6)
	w.spend(10+w.rand.IntN(40), !w.chance(4), w.chance(5), w.chance(3))
}

// spend is some time of use: steps long, with faults and others in between or not, with backups, with other programs on the
// server.
func (w *world) spend(steps int, faults, backups, strangers bool) {
	if faults {
		w.faults, w.meddle = 20+w.rand.IntN(60), 10+w.rand.IntN(40)
	}
	for range steps {
		d := w.devices[w.rand.IntN(len(w.devices))]
		switch {
		case w.chance(3):
			w.sync(d)
		case strangers && w.chance(8):
			w.foreign()
		case backups && w.chance(10):
			if w.server.snapshot == nil || w.chance(2) {
				w.note("server: backup")
				w.server.snapshot = w.server.save()
			} else {
				w.note("server: restored")
				w.server.restore(w.server.snapshot)
			}
		case w.chance(40):
			w.note("server: forgets its deletes")
			w.server.forgot = w.server.journal
		default:
			w.use(d.disk)
		}
		if w.fail != "" {
			return
		}
	}
	w.faults, w.meddle = 0, 0
	for _, c := range w.server.late {
		_, _ = w.server.once(c)
	}
	w.server.late = nil
	w.note("peace")
	w.watching = w.chance(2)
	w.settleDown()
	if w.fail == "" {
		w.compare()
	}
}

// settleDown lets all devices run until none has anything left to do, which must be soon.
func (w *world) settleDown() {
	quiet := 0
	for range 10 * len(w.devices) {
		for _, d := range w.devices {
			disk, commits := d.disk.changes, w.server.commits
			result, err := w.sync(d)
			if err != nil {
				if d.sure && d.mirror == nil { // a safety stop: its user has looked
					quiet = 0
					continue
				}
				w.wrong("%s: in peace: %v", d.disk.name, err)
				return
			}
			if result.ExitCode() == client.ExitSomeFailed {
				w.wrong("%s: in peace: %v", d.disk.name, result.Problems)
				return
			}
			if disk == d.disk.changes && commits == w.server.commits {
				quiet++
			} else {
				quiet = 0
			}
			if quiet > len(w.devices) {
				return
			}
		}
	}
	w.wrong("it never ends")
}

// compare holds all sides against each other.
func (w *world) compare() {
	want := w.server.tree(w.server.root, "")
	slices.Sort(want)
	for _, d := range w.devices {
		var got []string
		d.disk.walk(d.disk.root, "", func(path string, n *inode) {
			got = append(got, described(path, n.kind, n.data, n.mode, w.time(path, n.mtime)))
		})
		slices.Sort(got)
		if !slices.Equal(got, want) {
			w.wrong("%s has\n%s\nthe server has\n%s", d.disk.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	for _, d := range w.devices {
		if _, news, err := d.state().Count(); news > 0 || err != nil {
			w.wrong("%s: %d news are left (%v)", d.disk.name, news, err)
		}
	}
	for h, who := range w.written {
		if !w.dropped[h] && !w.onDisk(h) {
			w.wrong("what was written on %s and never replaced or deleted is nowhere: %s", who, w.server.held[h])
		}
	}
	for _, l := range want {
		if strings.Contains(l, "content") && !w.whole(l) {
			w.wrong("a mixture: %s", l)
		}
	}
}

func (w *world) whole(l string) bool {
	for h := range w.written {
		if data := w.server.held[h]; data != "" && strings.Contains(l, data) {
			return true
		}
	}
	return strings.Contains(l, "content") && len(w.server.past) > 0
}

func described(path string, kind proto.Kind, data string, mode uint32, mtime int64) string {
	if kind == proto.KindFolder {
		return fmt.Sprintf("%s/ %o", path, mode)
	}
	return fmt.Sprintf("%s %v %q %o %d", path, kind, data, mode, mtime)
}

func (s *simServer) tree(id int64, path string) (all []string) {
	for _, n := range s.nodes {
		if n.Parent != id {
			continue
		}
		at := n.Name
		if path != "" {
			at = path + "/" + n.Name
		}
		all = append(all, described(at, n.Kind, s.held[n.Hash], n.Mode, s.w.time(at, n.Mtime)))
		if n.Kind == client.KindFolder {
			all = append(all, s.tree(n.Node, at)...)
		}
	}
	return all
}

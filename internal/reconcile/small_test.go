package reconcile

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/proto"
)

// spot is where one thing is in a small tree, and what it holds.
type spot struct {
	parent  int // -1: nowhere; 0: the root; else one more than the index of a folder
	name    string
	content int // of a file: 0 as agreed, 1 a new one, the same on both sides, 2 a new one of this side's own
}

// smallTrees are all trees that some things (D: a folder, F: a file) can make with the names a and b.
func smallTrees(things string, contents int) [][]spot {
	var all [][]spot
	tree := make([]spot, len(things))
	var fill func(int)
	fill = func(i int) {
		if i == len(things) {
			if valid(things, tree) {
				all = append(all, append([]spot(nil), tree...))
			}
			return
		}
		tree[i] = spot{parent: -1}
		fill(i + 1)
		most := 1
		if things[i] != 'D' {
			most = contents
		}
		for parent := 0; parent <= len(things); parent++ {
			if parent == i+1 || parent > 0 && things[parent-1] != 'D' {
				continue
			}
			for _, name := range []string{"a", "b"} {
				for c := range most {
					tree[i] = spot{parent, name, c}
					fill(i + 1)
				}
			}
		}
	}
	fill(0)
	return all
}

func valid(things string, tree []spot) bool {
	taken := map[spot]bool{}
	for i, s := range tree {
		if s.parent < 0 {
			continue
		}
		key := spot{parent: s.parent, name: s.name}
		if taken[key] {
			return false
		}
		taken[key] = true
		for up, n := s.parent, 0; up != 0; up, n = tree[up-1].parent, n+1 {
			if up < 0 || n > len(tree) || up == i+1 {
				return false
			}
		}
	}
	return true
}

// stage makes a world of three small trees.
func stage(t failer, things string, a, l, r []spot, unborn bool) *world {
	w := newWorld(t)
	w.unborn = unborn
	w.clock, w.ino, w.node = 100, 100, 100
	w.rows[1] = &row{e: Entry{ID: 1, Kind: proto.KindFolder, Mode: 0o755, Version: 1, Facts: Facts{Ino: 1, Born: 1}}}
	if unborn {
		w.rows[1].e.Facts.Born, w.disk.Root.Facts.Born = 0, 0
	}
	entry := func(i int, s spot, own string) Entry {
		e := Entry{ID: int64(i + 2), Name: s.name, Kind: proto.KindFolder, Mode: 0o755, Mtime: 7, Version: 1}
		e.Facts = Facts{Mtime: 7, Ctime: 7, Ino: uint64(i + 2), Born: int64(i + 2)}
		if things[i] == 'F' {
			text := "agreed" + strconv.Itoa(i)
			switch s.content {
			case 1:
				text = "edited" + strconv.Itoa(i)
			case 2:
				text = own + strconv.Itoa(i)
			}
			e.Kind, e.Hash, e.Hashed, e.Size = proto.KindFile, w.hash(text), true, int64(len(text))
			e.Facts.Size = e.Size
		}
		if unborn {
			e.Facts.Born = 0
		}
		return e
	}
	for i, s := range a {
		if s.parent >= 0 {
			n := &row{parent: int64(s.parent + 1), e: entry(i, s, "")}
			if s.parent == 0 {
				n.parent = 1
			}
			w.rows[n.e.ID] = n
		}
	}
	for side, tree := range [2][]spot{l, r} {
		made := make([]*Entry, len(tree)+1)
		made[0] = [2]*Tree{w.disk, w.server}[side].Root
		for left := len(tree); left > 0; left-- {
			for i, s := range tree {
				if s.parent < 0 || made[i+1] != nil || made[s.parent] == nil {
					continue
				}
				e := entry(i, s, [2]string{"mine..", "theirs"}[side])
				moved := a[i].parent != s.parent || a[i].name != s.name
				if a[i].parent < 0 {
					e.ID += int64(20 * (side + 1))
					e.Facts.Ino += 40
				}
				if side == 0 {
					e.ID, e.Facts.Ctime = 0, e.Facts.Ctime+int64(s.content)
					if moved {
						e.Facts.Ctime++
					}
					if s.content > 0 && !unborn {
						e.Facts.Mtime, e.Mtime = 9, 9
					}
					w.disk.Add(made[s.parent], &e)
				} else {
					if moved || s.content > 0 {
						e.Version = 2
					}
					w.server.Add(made[s.parent], &e)
				}
				made[i+1] = &e
			}
		}
	}
	return w
}

// wanted are the contents that must be in the end: the new ones of either side, and those nobody deleted or changed.
func wanted(things string, a, l, r []spot) []string {
	var list []string
	for i := range things {
		if things[i] != 'F' {
			continue
		}
		was := a[i].parent >= 0
		for side, s := range [2]spot{l[i], r[i]} {
			switch {
			case s.parent < 0:
			case s.content == 1:
				list = append(list, "edited"+strconv.Itoa(i))
			case s.content == 2:
				list = append(list, [2]string{"mine..", "theirs"}[side]+strconv.Itoa(i))
			case !was:
				list = append(list, "agreed"+strconv.Itoa(i))
			}
		}
		if was && l[i].parent >= 0 && r[i].parent >= 0 && l[i].content == 0 && r[i].content == 0 {
			list = append(list, "agreed"+strconv.Itoa(i))
		}
	}
	return list
}

type quiet struct {
	*testing.T
	say func() string
}

func (q quiet) Fatalf(format string, args ...any) {
	q.Helper()
	q.T.Fatalf("%s\n%s", q.say(), fmt.Sprintf(format, args...))
}

// TestSmallTrees takes triples of all small trees there are, as many as fit into some seconds; SLUICE_SMALL_TREES=1 takes
// all of them.
func TestSmallTrees(t *testing.T) {
	all := os.Getenv("SLUICE_SMALL_TREES") != ""
	count, rounds := 0, map[int]int{}
	for _, universe := range []struct {
		things string
		most   int
	}{{"F", 1 << 20}, {"D", 1 << 20}, {"DF", 40000}, {"FF", 40000}, {"DD", 40000}, {"DFF", 15000}, {"DDF", 15000}, {"DDD", 6000}, {"DDFF", 15000}} {
		things := universe.things
		agreed, side := smallTrees(things, 1), smallTrees(things, 3)
		total := len(agreed) * len(side) * len(side)
		step := 1
		if !all && total > universe.most {
			// Far from a divisor of any of the sizes, so that all kinds of triples have their turn.
			for step = total/universe.most | 1; len(side)%step == 0 || len(agreed)%step == 0; step += 2 {
			}
		}
		n := 0
		for i := 0; i < total; i += step {
			a, l, r := agreed[i/len(side)/len(side)], side[i/len(side)%len(side)], side[i%len(side)]
			w := stage(quiet{t, func() string { return fmt.Sprintf("%s: agreed %v, here %v, there %v", things, a, l, r) }}, things, a, l, r, n%2 == 1)
			rounds[w.check(things, a, l, r)]++
			n++
		}
		count += n
		t.Logf("%-5s %4d agreed trees, %5d of a side: %d of %d triples", things, len(agreed), len(side), n, total)
	}
	t.Logf("%d triples; rounds with something to do: %v", count, rounds)
}

func (w *world) check(things string, a, l, r []spot) int {
	rounds := w.sync(3)
	shape := " " + w.shape(w.disk) + " "
	for _, content := range wanted(things, a, l, r) {
		if !strings.Contains(shape, "="+content+" ") {
			w.t.Fatalf("%q is lost: %s\n%s", content, shape, w.told())
		}
	}
	if strings.Contains(shape, TempPrefix) {
		w.t.Fatalf("a temporary name stays: %s\n%s", shape, w.told())
	}
	return rounds
}

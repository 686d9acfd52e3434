package reconcile

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// broad makes a tree of folders with a hundred files each, three deep, and the same as the other sides have it.
func broad(files int) (agreed, local, remote *Tree) {
	trees := [3]*Tree{}
	for i := range trees {
		trees[i] = NewTree(&Entry{ID: 1, Kind: proto.KindFolder, Mode: 0o755, Version: 1, Facts: Facts{Ino: 1, Born: 1}})
	}
	id := int64(1)
	var folders [3][3]*Entry
	add := func(parents [3]*Entry, name string, kind proto.Kind) (made [3]*Entry) {
		id++
		for i, t := range trees {
			e := &Entry{ID: id, Name: name, Kind: kind, Mode: 0o644, Mtime: id, Version: id, Hashed: i != 1}
			if kind == proto.KindFile {
				e.Size = id
				if e.Hashed {
					e.Hash[0], e.Hash[1], e.Hash[2], e.Hash[3] = byte(id), byte(id>>8), byte(id>>16), 1
				}
			}
			if i != 2 {
				e.Facts = Facts{Size: e.Size, Mtime: id, Ctime: id, Ino: uint64(id), Born: id}
			}
			if i == 1 {
				e.ID = 0
			}
			t.Add(parents[i], e)
			made[i] = e
		}
		return made
	}
	roots := [3]*Entry{trees[0].Root, trees[1].Root, trees[2].Root}
	for n := range files {
		if n%10000 == 0 {
			folders[0] = add(roots, fmt.Sprintf("top%d", n/10000), proto.KindFolder)
		}
		if n%1000 == 0 {
			folders[1] = add(folders[0], fmt.Sprintf("middle%d", n/1000), proto.KindFolder)
		}
		if n%100 == 0 {
			folders[2] = add(folders[1], fmt.Sprintf("folder%d", n/100), proto.KindFolder)
		}
		add(folders[2], fmt.Sprintf("some_source_file_%d.go", n), proto.KindFile)
	}
	trees[1].Root.Facts = Facts{Ino: 1, Born: 1}
	return trees[0], trees[1], trees[2]
}

func empty(t *Tree) *Tree {
	root := *t.Root
	root.Children = nil
	return NewTree(&root)
}

func BenchmarkHundredThousand(b *testing.B) {
	for _, c := range []struct {
		name  string
		steps int
		make  func() (agreed, local, remote *Tree)
	}{
		{"unchanged", 0, func() (agreed, local, remote *Tree) { return broad(100000) }},
		{"a top folder renamed here", 1, func() (agreed, local, remote *Tree) {
			a, l, r := broad(100000)
			l.Move(l.Root.Children["top3"], l.Root, "top")
			return a, l, r
		}},
		{"first sync up", 101110, func() (agreed, local, remote *Tree) { a, l, r := broad(100000); return empty(a), l, empty(r) }},
		{"first sync of equal sides", 101110, func() (agreed, local, remote *Tree) { a, l, r := broad(100000); return empty(a), l, r }},
		{"all deleted there", 101110, func() (agreed, local, remote *Tree) { a, l, r := broad(100000); return a, l, empty(r) }},
	} {
		agreed, local, remote := c.make()
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			steps, n := 0, 0
			before := cpu()
			for b.Loop() {
				Match(agreed, local)
				steps = len(Plan(agreed, local, remote, Options{Device: "laptop", Date: "2026-11-22"}))
				n++
			}
			b.ReportMetric(float64((cpu()-before).Milliseconds())/float64(n), "cpu-ms/op")
			if steps != c.steps {
				b.Errorf("%d steps", steps)
			}
		})
	}
}

// cpu is what this process has used: on a busy machine the wall clock says little.
func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A chain of renames and a tree that is only deep must not take time or stack that grows faster than they do.
func TestLongAndDeep(t *testing.T) {
	const n = 20000
	trees := [3]*Tree{}
	for i := range trees {
		trees[i] = NewTree(&Entry{ID: 1, Kind: proto.KindFolder})
		for k := range n {
			e := &Entry{ID: int64(k + 2), Name: fmt.Sprint(k), Kind: proto.KindFolder, Version: 1}
			e.Facts = Facts{Ino: uint64(k + 2), Born: 1}
			if i == 1 {
				e.Name = fmt.Sprint((k + 1) % n)
			}
			trees[i].Add(trees[i].Root, e)
		}
		deep := trees[i].Root.Children["0"]
		for k := range 2000 {
			e := &Entry{ID: int64(n + k + 2), Name: "d", Kind: proto.KindFolder, Version: 1}
			e.Facts = Facts{Ino: uint64(n + k + 2), Born: 1}
			trees[i].Add(deep, e)
			deep = e
		}
	}
	begin := time.Now()
	Match(trees[0], trees[1])
	steps := Plan(trees[0], trees[1], trees[2], Options{})
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("%v", took)
	}
	moves := 0
	for _, s := range steps {
		if s.Do == UpMove || s.Do == UpMoveAside {
			moves++
		}
	}
	if moves < n+1 {
		t.Errorf("%d moves among %d steps", moves, len(steps))
	}
}

// The same trees give the same plan, whatever order their maps have.
func TestPlanIsDeterministic(t *testing.T) {
	var first []string
	for range 20 {
		w := scene{
			both:  "mkdir d; mkdir e; mkdir f; put d/a 1; put d/b 2; put e/a 3; put f/x 4; put f/y 5; put g 6; put h 7",
			here:  "mv d t; mv e d; mv t e; put f/x 8; put f/y 9; put n1 1; put n2 2; rm g; mkdir h2",
			there: "mv f ff; put ff/x 10; put ff/y 11; put n1 3; put n2 4; mv h h2; put g 12",
		}.begin(t, false)
		steps, _ := w.plan()
		var list []string
		for _, s := range steps {
			list = append(list, describe(s)+s.Why)
		}
		if first == nil {
			first = list
		}
		if fmt.Sprint(list) != fmt.Sprint(first) {
			t.Fatalf("%q\n%q", list, first)
		}
	}
}

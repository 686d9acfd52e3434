package reconcile

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/proto"
)

// paths are all places of a side, folders among them.
func paths(t *Tree, folders bool) []string {
	var list []string
	if folders {
		list = append(list, "")
	}
	var walk func(*Entry)
	walk = func(f *Entry) {
		for _, name := range slices.Sorted(maps.Keys(f.Children)) {
			if c := f.Children[name]; !folders || c.IsFolder() {
				list = append(list, c.Path())
				walk(c)
			}
		}
	}
	walk(t.Root)
	return list
}

// change makes one random change that is possible.
func change(r *rapid.T, w *world, s side, n int) string {
	t := [2]*Tree{w.disk, w.server}[s]
	spot := func(label string) string {
		folder := rapid.SampledFrom(paths(t, true)).Draw(r, label)
		return strings.TrimPrefix(folder+"/"+rapid.SampledFrom([]string{"a", "b", "c", "d.txt"}).Draw(r, "name"), "/")
	}
	there := paths(t, false)
	op := rapid.SampledFrom([]string{"put", "put", "mkdir", "mkdir", "mv", "mv", "mv", "rm", "edit", "edit", "replace", "chmod", "link", "set", "exchange"}).Draw(r, "op")
	var command string
	switch op {
	case "mkdir":
		command = "mkdir|" + spot("where")
	case "put", "link", "set":
		text := fmt.Sprintf("%s%d", [2]string{"here", "there"}[s], n)
		if rapid.IntRange(0, 3).Draw(r, "shared") == 0 {
			text = fmt.Sprintf("both%d", rapid.IntRange(0, 2).Draw(r, "text"))
		}
		command = op + "|" + spot("where") + "|" + text
	default:
		if len(there) == 0 {
			return ""
		}
		from := rapid.SampledFrom(there).Draw(r, "which")
		switch op {
		case "mv":
			command = "mv|" + from + "|" + spot("to")
		case "edit", "replace":
			if lookup(t, from).Kind != proto.KindFile {
				return ""
			}
			if op == "edit" {
				op = "put"
			}
			command = fmt.Sprintf("%s|%s|edit%d%d", op, from, s, n)
		case "exchange":
			to := rapid.SampledFrom(there).Draw(r, "with")
			if from == to || below(lookup(t, from), lookup(t, to)) || below(lookup(t, to), lookup(t, from)) {
				return ""
			}
			w.do(s, "mv|"+from+"|swapping")
			w.do(s, "mv|"+to+"|"+from)
			w.do(s, "mv|swapping|"+to)
			return "exchange " + from + " " + to
		default:
			command = op + "|" + from
		}
	}
	if !w.do(s, command) {
		return ""
	}
	return command
}

func (w *world) texts() map[string]bool {
	all := map[string]bool{}
	for _, t := range []*Tree{w.disk, w.server} {
		for _, path := range paths(t, false) {
			if e := lookup(t, path); !e.IsFolder() {
				all[w.contents[string(e.Hash[:])]] = true
			}
		}
	}
	return all
}

// TestRandomTrees lets two sides live for a while: changes on both, a sync, and again. Some syncs are cut after some of
// their steps, and forget what they had remembered of the last ones.
func TestRandomTrees(t *testing.T) {
	checks := "500"
	if os.Getenv("SLUICE_TORTURE") != "" {
		checks = "20000"
	}
	if set := flag.Lookup("rapid.checks"); set.Value.String() == set.DefValue { // nobody asked for another number
		if err := flag.Set("rapid.checks", checks); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r)
		w.unborn = rapid.Bool().Draw(r, "unborn")
		n := 0
		for range rapid.IntRange(1, 4).Draw(r, "times") {
			agreed := map[string]bool{}
			for range rapid.IntRange(1, 3).Draw(r, "cuts") {
				for _, row := range w.rows {
					agreed[w.contents[string(row.e.Hash[:])]] = true
				}
				var said []string
				for range rapid.IntRange(0, 6).Draw(r, "changes") {
					n++
					s := side(rapid.IntRange(0, 1).Draw(r, "side"))
					if c := change(r, w, s, n); c != "" {
						said = append(said, [2]string{"here: ", "there: "}[s]+c)
					}
				}
				r.Log(strings.Join(said, "; "))
				if rapid.IntRange(0, 3).Draw(r, "cut") == 0 {
					fresh := w.texts()
					w.cut, w.forget = rapid.IntRange(1, 12).Draw(r, "after"), rapid.IntRange(0, 3).Draw(r, "forgotten")
					w.took, w.refused = nil, nil
					w.round()
					r.Logf("cut after %d, %d forgotten:\n%s", w.cut, w.forget, w.told())
					w.cut, w.forget = 0, 0
					w.kept(fresh, agreed)
				}
			}
			fresh := w.texts()
			if list := paths(w.disk, false); len(list) > 0 && rapid.Bool().Draw(r, "veil") {
				w.veiled(r, lookup(w.disk, rapid.SampledFrom(list).Draw(r, "veiled")))
				w.kept(fresh, agreed)
			}
			w.sync(3)
			r.Logf("synced:\n%s%s", w.told(), w.shape(w.disk))
			w.kept(fresh, agreed)
		}
	})
}

// veiled syncs while something here cannot be read, or is ignored: that comes to an end, and what is veiled stays as it is.
func (w *world) veiled(r *rapid.T, e *Entry) {
	path := e.Path()
	if rapid.Bool().Draw(r, "ignored") {
		e.Excluded = true
		if there := lookup(w.server, path); there != nil {
			there.Excluded = true
			defer func() { there.Excluded = false }()
		}
	} else {
		e.Unknown = true
	}
	defer func() { e.Excluded, e.Unknown = false, false }()
	w.maimed = true // what is veiled may have been moved out of a folder that is deleted and forgotten
	name, below := e.Name, empty(w.disk)
	below.Root.Children = e.Children
	shape := func() string { return strings.ReplaceAll(w.shape(below), e.Path()+"/", "") } // a folder above may move
	before := shape()
	w.run(3)
	r.Logf("with %q veiled:\n%s", path, w.told())
	if shape() != before || e.Name != name || e.Parent.Children[name] != e {
		w.t.Fatalf("%q was touched", path)
	}
}

// kept checks that no content was lost that was not agreed on.
func (w *world) kept(fresh, agreed map[string]bool) {
	w.t.Helper()
	now := w.texts()
	for _, text := range slices.Sorted(maps.Keys(fresh)) {
		if !agreed[text] && !now[text] {
			w.t.Fatalf("%q is lost\n%s%s", text, w.told(), w.shape(w.disk))
		}
	}
}

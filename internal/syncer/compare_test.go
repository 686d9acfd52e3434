package syncer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/internal/hash"
	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// tree builds a tree from lines: "path/ mode mtime" is a folder, "path content mtime" a file, "path ->target mtime" a
// link, "path !" something special, "path ?" a name whose facts are unknown. A leading "x " excludes it, "u " marks it
// unknown. Folders on the way are made.
func tree(t *testing.T, hashed bool, lines ...string) *Node {
	t.Helper()
	root := &Node{Kind: proto.KindFolder, Mode: 0o755}
	id := int64(100)
	for _, line := range lines {
		var n Node
		line, n.Excluded = strings.CutPrefix(line, "x ")
		line, n.Unknown = strings.CutPrefix(line, "u ")
		f := strings.Fields(line)
		path, folder := strings.CutSuffix(f[0], "/")
		n.Mode = 0o644
		switch {
		case folder:
			n.Kind, n.Mode = proto.KindFolder, 0o755
		case f[1] == "!":
			n.Kind = kindSpecial
		case strings.HasPrefix(f[1], "->"):
			n.Kind, n.Target = proto.KindLink, f[1][2:]
			n.Size = int64(len(n.Target))
			n.Hash, n.Hashed = hash.Sum([]byte(n.Target)), true
		default:
			n.Kind, n.Size = proto.KindFile, int64(len(f[1]))
			if hashed {
				n.Hash, n.Hashed = hash.Sum([]byte(f[1])), true
			}
		}
		if len(f) > 2 {
			if _, err := fmt.Sscan(f[2], &n.Mtime); err != nil {
				t.Fatal(err)
			}
		}
		if len(f) > 3 {
			if _, err := fmt.Sscanf(f[3], "%o", &n.Mode); err != nil {
				t.Fatal(err)
			}
		}
		at := root
		names := strings.Split(path, "/")
		for _, name := range names[:len(names)-1] {
			if at.child(name) == nil {
				insert(at, Node{Name: name, Kind: proto.KindFolder, Mode: 0o755})
			}
			at = at.child(name)
		}
		n.Name = names[len(names)-1]
		id++
		n.ID, n.Version = id, id
		insert(at, n)
	}
	return root
}

// insert puts a child in its place and mends the parents of what has moved.
func insert(at *Node, n Node) {
	i, _ := slices.BinarySearchFunc(at.Children, n.Name, func(a Node, b string) int { return strings.Compare(a.Name, b) })
	at.Children = slices.Insert(at.Children, i, n)
	var mend func(n *Node)
	mend = func(n *Node) {
		for i := range n.Children {
			n.Children[i].Parent = n
			mend(&n.Children[i])
		}
	}
	mend(at)
}

// words writes a plan as a line.
func words(p *Plan) string {
	var out []string
	paths := func(what string, list []*Node) {
		for _, n := range list {
			out = append(out, what+n.Path())
		}
	}
	steps := func(what string, list []Step) {
		for _, s := range list {
			out = append(out, what+s.Src.Path())
		}
	}
	paths("clear:", p.Clear)
	for _, f := range p.Folders {
		if f.Dst == nil {
			out = append(out, "make:"+f.Src.Path())
		} else if f.Differs {
			out = append(out, "folder:"+f.Src.Path())
		}
	}
	steps("file:", p.Files)
	steps("check:", p.Checks)
	steps("set:", p.Sets)
	paths("delete:", p.Deletes)
	for _, b := range p.Blocked {
		out = append(out, "blocked:"+b.Path)
	}
	if p.Unchanged > 0 {
		out = append(out, fmt.Sprintf("same=%d", p.Unchanged))
	}
	if p.Excluded > 0 {
		out = append(out, fmt.Sprintf("excluded=%d", p.Excluded))
	}
	return strings.Join(out, " ")
}

func TestCompare(t *testing.T) {
	push := Rules{TrustTimes: true}
	pushDelete := Rules{TrustTimes: true, Delete: true}
	checksum := Rules{}
	for _, test := range []struct {
		name     string
		rules    Rules
		src, dst []string
		want     string
	}{
		{"new", push, []string{"a x 1", "d/b y 1"}, nil, "make:d file:a file:d/b"},
		{"same", push, []string{"a x 1", "d/b y 1"}, []string{"a x 1", "d/b y 1"}, "same=2"},
		{"size", push, []string{"a xx 1"}, []string{"a x 1"}, "file:a"},
		{"time", push, []string{"a x 2"}, []string{"a x 1"}, "file:a"},
		{"mode", push, []string{"a x 1 600"}, []string{"a x 1 644"}, "set:a"},
		{"folder time", push, []string{"d/ . 5"}, []string{"d/ . 6"}, "folder:d"},
		{"content with equal size and time is trusted", push, []string{"a x 1"}, []string{"a y 1"}, "same=1"},
		{"or compared", checksum, []string{"a x 1"}, []string{"a y 1"}, "check:a"},
		{"sizes differ: no need to compare", checksum, []string{"a xx 1"}, []string{"a y 1"}, "file:a"},
		{"link", push, []string{"l ->t 1"}, []string{"l ->u 1"}, "file:l"},
		{"link time", push, []string{"l ->t 2"}, []string{"l ->t 1"}, "set:l"},
		{"link mode means nothing", push, []string{"l ->t 1 777"}, []string{"l ->t 1 644"}, "same=1"},
		{"link for a file", push, []string{"l ->t 1"}, []string{"l t 1"}, "file:l"},
		{"extra stays", push, []string{"a x 1"}, []string{"a x 1", "b y 1"}, "same=1"},
		{"extra goes", pushDelete, []string{"a x 1"}, []string{"a x 1", "b y 1", "d/c z 1"}, "delete:b delete:d same=1"},
		{"folder for a file is blocked", push, []string{"a/b x 1"}, []string{"a y 1"}, "blocked:a"},
		{"file for a folder is blocked", push, []string{"a x 1"}, []string{"a/b y 1"}, "blocked:a"},
		{"folder for a file", pushDelete, []string{"a/b x 1"}, []string{"a y 1"}, "clear:a make:a file:a/b"},
		{"file for a folder", pushDelete, []string{"a x 1"}, []string{"a/b y 1"}, "clear:a file:a"},
		{"not through what is excluded", pushDelete, []string{"a x 1"}, []string{"a/b y 1", "x a/c z 1"}, "blocked:a"},
		{"excluded here", pushDelete, []string{"x a x 1"}, []string{"a y 2"}, "excluded=1"},
		{"excluded there", pushDelete, nil, []string{"x a y 2", "b z 1"}, "delete:b excluded=1"},
		{"excluded below a folder that goes", pushDelete, nil, []string{"d/a y 2", "x d/b z 1"}, "delete:d/a excluded=1"},
		{"unreadable folder: nothing below goes", pushDelete, []string{"u d/ . 0"}, []string{"d/a y 2"}, ""},
		{"unreadable file stays", pushDelete, []string{"u a ! 1"}, []string{"a y 2"}, ""},
		{"special file: nothing", pushDelete, []string{"p ! 1"}, []string{"p y 2"}, ""},
		{"special in the way", pushDelete, []string{"p x 1"}, []string{"p ! 2"}, "blocked:p"},
		{"unreadable target folder", pushDelete, []string{"d/a x 1"}, []string{"u d/ . 0"}, ""},
		{"special in a folder that goes", pushDelete, nil, []string{"d/p ! 1", "d/a y 1"}, "delete:d/a"},
		{"order: parents first, files of a folder together", push,
			[]string{"b/c/x 1 1", "b/a 1 1", "b/c/d/y 1 1", "a/z 1 1"}, nil,
			"make:a make:b make:b/c make:b/c/d file:a/z file:b/a file:b/c/x file:b/c/d/y"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := words(Compare(tree(t, false, test.src...), tree(t, true, test.dst...), test.rules))
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCompareByHash(t *testing.T) {
	src, dst := tree(t, true, "a x 1", "b y 1"), tree(t, true, "a x 2", "b z 1")
	if got, want := words(Compare(src, dst, Rules{})), "file:b set:a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCompareWithNothing(t *testing.T) {
	if got, want := words(Compare(tree(t, false, "a x 1"), nil, Rules{Delete: true})), "make: file:a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGuard(t *testing.T) {
	many := func(n int) []string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("f%03d x 1", i))
		}
		return list
	}
	for _, test := range []struct {
		name      string
		keep, had int
		limit     string
		sure      bool
		stops     bool
	}{
		{"a few of many", 90, 100, "", false, false},
		{"half", 50, 100, "", false, false},
		{"more than half", 49, 100, "", false, true},
		{"more than half of few", 1, 20, "", false, false},
		{"sure", 49, 100, "", true, false},
		{"all", 0, 3, "", false, true},
		{"all, and sure", 0, 3, "", true, false},
		{"a count", 90, 100, "9", false, true},
		{"a count that allows it", 90, 100, "10", false, false},
		{"a share", 90, 100, "9%", false, true},
		{"a share that allows it", 40, 100, "60%", false, false},
		{"a limit holds even if sure", 90, 100, "9", true, true},
		{"none, and nothing goes", 100, 100, "0", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			src, dst := tree(t, true, many(test.keep)...), tree(t, true, many(test.had)...)
			var limit reconcile.Limit
			if test.limit != "" {
				var err error
				if limit, err = reconcile.ParseLimit(test.limit); err != nil {
					t.Fatal(err)
				}
			}
			p := Compare(src, dst, Rules{Delete: true})
			err := guard(p, src, limit, test.sure)
			if (err != nil) != test.stops {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				return
			}
			stop := err.(*mirror.SafetyError)
			if stop.ExitCode() != 9 || len(stop.List) != test.had-test.keep {
				t.Errorf("code %d, %d names", stop.ExitCode(), len(stop.List))
			}
		})
	}
}

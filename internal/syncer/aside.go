package syncer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// aside is something that leaves its place to be removed: under a hidden name it is seen whether it is what was meant, as it
// can no more be changed by its own. All that is needed for that is in the hidden name, so that the next life of the program
// can do it should this one end in between.
type aside struct {
	run  string // as in all names of temporary files
	kind proto.Kind
	ino  uint64
	time int64  // the mtime of a file or link
	mark uint64 // the size of a file; of a set what all its members are known by
	ours uint64 // the inode of what comes in its place, and has this name until both change places; 0: nothing does
	name string // its own; a very long one is cut
}

// asidePrefix begins the names of what was put aside.
const asidePrefix = tempPrefix + "old-"

// asideOf is a file or link that is put aside.
func (t *temps) asideOf(was *Node, ours uint64, name string) *aside {
	a := &aside{run: t.id(), kind: was.Kind, ino: was.Ino, time: was.Mtime, ours: ours, name: name}
	if was.Kind == proto.KindFile {
		a.mark = uint64(was.Size)
	}
	return a
}

// asideOfSet is a folder that is put aside with all it holds.
func (t *temps) asideOfSet(was *reconcile.Entry, ours uint64, name string) *aside {
	return &aside{run: t.id(), kind: proto.KindFolder, ino: was.Facts.Ino, mark: markOf(was), ours: ours, name: name}
}

// temp is the hidden name.
func (a *aside) temp() string {
	s := fmt.Sprintf("%s%s,%d,%x,%x,%x,%x,", asidePrefix, a.run, a.kind, a.ino, uint64(a.time), a.mark, a.ours)
	return s + proto.Cut(a.name, proto.MaxName-len(s))
}

// asideNamed reads a hidden name.
func asideNamed(temp string) (a aside, ok bool) {
	rest, ok := strings.CutPrefix(temp, asidePrefix)
	f := strings.SplitN(rest, ",", 7)
	if !ok || len(f) != 7 || f[6] == "" {
		return a, false
	}
	var n [5]uint64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseUint(f[i+1], 16, 64); err != nil {
			return a, false
		}
	}
	return aside{run: f[0], kind: proto.Kind(n[0]), ino: n[1], time: int64(n[2]), mark: n[3], ours: n[4], name: f[6]}, true
}

// meant says whether what has the hidden name is what was to be put aside. (A rename changes its ctime.)
func (a *aside) meant(now *Node) bool {
	return now.Kind == a.kind && now.Ino == a.ino && now.Mtime == a.time && (a.kind != proto.KindFile || uint64(now.Size) == a.mark)
}

// isMeant looks at what has the hidden name.
func (a *aside) isMeant(fd int) bool {
	var now Node
	return statName(fd, a.temp(), &now) == nil && a.meant(&now)
}

// settle does what an earlier life did not come to: what was meant is removed, and so is what was to come in its place; what
// proves to be somebody's gets its name back.
func (a *aside) settle(ctx context.Context, at *beneath, fd int) (back bool) {
	temp := a.temp()
	var now Node
	if err := statName(fd, temp, &now); err != nil {
		return false
	}
	ours := a.ours != 0 && now.Ino == a.ours
	switch {
	case !now.IsFolder() && (ours || a.meant(&now)):
		_ = unix.Unlinkat(fd, temp, 0)
		return false
	case now.IsFolder() && !ours && now.Ino == a.ino && a.kind == proto.KindFolder:
		set, err := setAt(ctx, at, fd, temp)
		if err != nil {
			return false // it is looked at again
		}
		ours = markOf(set) == a.mark
	}
	if now.IsFolder() && ours {
		a.removeSet(fd)
		return false
	}
	return errors.Is(putBack(fd, temp, a.name), errMeanwhile)
}

// removeSet removes a set that was put aside. Half removed it is not what was meant any more, so it gets another name first.
func (a *aside) removeSet(fd int) {
	if renameNew(fd, a.temp(), fd, stagePrefix+a.run) == nil {
		_ = removeTree(fd, stagePrefix+a.run) // what stays is removed by the next scan
	}
}

// markOf is what the members of a set are known by: kinds and names, and the facts of files and links but for their ctimes.
func markOf(set *reconcile.Entry) uint64 {
	sum := hash.Sum(appendMark(nil, set))
	return binary.BigEndian.Uint64(sum[:8])
}

func appendMark(b []byte, folder *reconcile.Entry) []byte {
	for _, name := range slices.Sorted(maps.Keys(folder.Children)) {
		c := folder.Children[name]
		b = append(append(b, name...), 0, byte(c.Kind))
		switch {
		case c.IsFolder():
			b = append(appendMark(b, c), '/') // no name begins so
		case !c.Excluded:
			for _, n := range [...]uint64{c.Facts.Ino, uint64(c.Facts.Mtime), uint64(c.Facts.Size)} {
				b = binary.BigEndian.AppendUint64(b, n)
			}
		}
	}
	return b
}

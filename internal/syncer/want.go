package syncer

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/internal/mirror"
	"sluice/internal/proto"
)

// want says what of a folder a scan is to look at.
type want struct {
	deep  bool // all below
	own   bool // its children
	name  bool // itself, if it is no folder
	below map[string]*want
}

// wanted is the parts as one; nil: all.
func wanted(parts []mirror.Part) *want {
	if parts == nil {
		return nil
	}
	top := &want{}
	for _, p := range parts {
		w := top
		for name := range strings.SplitSeq(p.Path, "/") {
			if name == "" {
				continue
			}
			if proto.CheckName(name) != nil {
				break // nothing is ever called so
			}
			if w.below == nil {
				w.below = make(map[string]*want)
			}
			if w.below[name] == nil {
				w.below[name] = &want{}
			}
			w = w.below[name]
		}
		w.own, w.name = w.own || !p.Name, w.name || p.Name
		w.deep = w.deep || p.Deep
	}
	return top
}

// whole says whether all names in the folder are looked at.
func (w *want) whole() bool { return w == nil || w.own || w.deep }

// enter says what of a folder in it is wanted; not ok: nothing, only that it is there.
func (w *want) enter(name string) (next *want, ok bool) {
	if w == nil || w.deep {
		return nil, true
	}
	next, ok = w.below[name]
	return next, ok
}

// alone says whether a name that is no folder is wanted, and nothing below it.
func (w *want) alone() bool { return w.name && !w.own && !w.deep && w.below == nil }

// only takes for the names in the folder those that lead to what is wanted. It is false if one of them is not there, or is a folder
// instead of a file or the other way round: then whatever has become of it is to be seen in this folder, which must be looked at whole.
func (w *scanWorker) only(fd int, want *want) bool {
	w.names, w.ends = w.names[:0], w.ends[:0]
	list := make([]string, 0, len(want.below))
	for name := range want.below {
		list = append(list, name)
	}
	slices.Sort(list)
	for _, name := range list {
		var st unix.Stat_t
		err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, unix.ENOENT) || err == nil && (st.Mode&unix.S_IFMT == unix.S_IFDIR) == want.below[name].alone() {
			return false
		}
		w.names = append(w.names, name...)
		w.ends = append(w.ends, len(w.names))
		w.names = append(w.names, 0)
	}
	return true
}

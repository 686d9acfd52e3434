package mirror

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"sluice/internal/hash"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// A set is a folder that is one thing with all it holds, such as a repository's .git. In the trees that are planned with it
// has no children and one hash over all of them; what it holds is kept beside the trees.

// members are what a folder holds, by name.
type members = map[string]*reconcile.Entry

// isSet says whether a folder of this name is a set.
func (m *Mirror) isSet(name string) bool { return slices.Contains(m.Options.Sets, name) }

// inSet says whether a path is a set, or lies in one, if its names are those of folders.
func (m *Mirror) inSet(path string) bool {
	return len(m.Options.Sets) > 0 && slices.ContainsFunc(split(path), m.isSet)
}

// fold makes the sets of all three trees one entry each.
func (r *round) fold() error {
	r.inside = make(map[*reconcile.Entry]members)
	if len(r.m.Options.Sets) == 0 {
		return nil
	}
	r.foldTree(r.agreed, r.agreed.Root)
	r.foldTree(r.remote, r.remote.Root)
	if err := r.foldLocal(r.local.Root); err != nil {
		return err
	}
	for id, l := range maps.Clone(r.local.ByID) {
		if a := r.agreed.ByID[id]; l != r.local.Root && (a == nil || (a.Kind == reconcile.KindSet) != (l.Kind == reconcile.KindSet)) {
			r.local.Number(l, 0) // it was part of a set, or is one now
		}
	}
	return nil
}

// foldTree folds the sets below a folder of the agreed or the server's tree.
func (r *round) foldTree(t *reconcile.Tree, folder *reconcile.Entry) {
	for _, c := range folder.Children {
		switch {
		case !c.IsFolder():
		case r.m.isSet(c.Name) && !c.Part:
			r.foldSet(t, c)
		case !r.m.isSet(c.Name):
			r.foldTree(t, c)
		}
	}
}

// foldSet takes the members out of the tree, and gives the set its hash.
func (r *round) foldSet(t *reconcile.Tree, e *reconcile.Entry) {
	kids := maps.Clone(e.Children)
	for _, c := range kids {
		t.Remove(c)
	}
	e.Children = nil
	r.inside[e] = kids
	e.Kind, e.Size = reconcile.KindSet, 0
	e.Hash, e.Hashed = digest(e.Mode, kids), true
}

// foldLocal folds the sets below a local folder. One that cannot be read as a whole, or is not quiet yet, is left alone.
func (r *round) foldLocal(folder *reconcile.Entry) error {
	for _, name := range slices.Sorted(maps.Keys(folder.Children)) {
		c := folder.Children[name]
		if !c.IsFolder() {
			continue
		}
		if !r.m.isSet(name) {
			if err := r.foldLocal(c); err != nil {
				return err
			}
			continue
		}
		if c.Part {
			continue
		}
		blind := c.Unknown || !c.Excluded && unknown(c.Children)
		id := c.ID
		r.foldSet(r.local, c)
		kids := r.inside[c]
		changed := true
		if a := r.agreed.ByID[id]; a != nil && a.Kind == reconcile.KindSet {
			changed = !sameFacts(kids, r.inside[a], math.MaxInt64)
		}
		switch wait := r.m.restless(c, kids); {
		case c.Excluded:
		case blind:
			c.Unknown = true
			r.m.problem(Problem{Path: c.Path(), Reason: "it is one set with all it holds, and not all of that can be read", Err: errors.New("not all of it can be read")})
		case changed && wait > 0:
			c.Unknown = true
			r.m.wait(c.Path(), wait)
		default:
			if err := r.readSet(c, kids); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSet reads what is not known of a local set's members.
func (r *round) readSet(e *reconcile.Entry, kids members) error {
	for _, f := range flat(kids) {
		if f.Kind != proto.KindFile || f.Hashed || f.Excluded {
			continue
		}
		if err := r.m.Folder.Hash(r.ctx, f); err != nil {
			if r.ctx.Err() != nil {
				return r.ctx.Err()
			}
			e.Unknown = true
			if errors.Is(err, ErrMeanwhile) {
				r.again = true
				return nil
			}
			r.m.problem(Problem{Path: f.Path(), Reason: "it could not be read: " + err.Error(), Err: err})
			return nil
		}
	}
	e.Hash = digest(e.Mode, kids)
	return nil
}

// unknown says whether something below could not be read.
func unknown(kids members) bool {
	for _, c := range kids {
		if !c.Excluded && (c.Unknown || unknown(c.Children)) {
			return true
		}
	}
	return false
}

// flat lists all below, folders before what they hold, by name. What is of no kind that is kept is not among them.
func flat(kids members) (all []*reconcile.Entry) {
	for _, name := range slices.Sorted(maps.Keys(kids)) {
		c := kids[name]
		if c.Excluded {
			continue
		}
		all = append(all, c)
		if c.IsFolder() {
			all = append(all, flat(c.Children)...)
		}
	}
	return all
}

// digest is the hash of a set: of the mode of its folder, and of kind, mode and content of all it holds.
func digest(mode uint32, kids members) proto.Hash {
	b := binary.BigEndian.AppendUint32([]byte("set\x00"), mode)
	return hash.Sum(appendMembers(b, kids))
}

func appendMembers(b []byte, kids members) []byte {
	for _, name := range slices.Sorted(maps.Keys(kids)) {
		c := kids[name]
		if c.Excluded {
			continue
		}
		b = append(append(b, name...), 0, byte(c.Kind))
		if c.Kind != proto.KindLink {
			b = binary.BigEndian.AppendUint32(b, c.Mode)
		}
		if c.IsFolder() {
			b = appendMembers(b, c.Children)
			b = append(b, '/') // no name begins so
		} else {
			b = append(b, c.Hash[:]...)
		}
	}
	return b
}

// sameFacts says whether two states of a set's members on this disk are the same one, as far as facts tell: names, kinds and
// modes, and the facts of all but folders, of which only the names in them count. A ctime of 0 was too fresh to be trusted; but a time to come is
// no later change's: a clock that was put back has left it. clock is the present.
func sameFacts(now, was members, clock int64) bool {
	return slices.EqualFunc(flat(now), flat(was), func(x, y *reconcile.Entry) bool {
		if x.Name != y.Name || x.Kind != y.Kind || x.Mode != y.Mode && x.Kind != proto.KindLink || len(x.Children) != len(y.Children) {
			return false
		}
		facts := y.Facts
		if facts.Ctime == 0 && x.Facts.Ctime > clock {
			facts.Ctime = x.Facts.Ctime
		}
		return x.IsFolder() || x.Facts == facts
	})
}

// restless is how long a set must still be left alone until it is quiet. Times to come, which a clock that was put back
// leaves, say nothing.
func (m *Mirror) restless(e *reconcile.Entry, kids members) time.Duration {
	now := m.Now().UnixNano()
	latest := int64(0)
	for _, c := range append(flat(kids), e) {
		for _, at := range []int64{c.Facts.Mtime, c.Facts.Ctime} {
			if at <= now {
				latest = max(latest, at)
			}
		}
	}
	return m.Options.Quiet - time.Duration(min(now-latest, int64(time.Hour)))
}

// waiting begins the reason of a problem that is none: it only has to be waited.
const waiting = "waiting: "

// Waits says whether the reason of a problem is that a set is not quiet yet.
func Waits(reason string) bool { return strings.HasPrefix(reason, waiting) }

// wait notes that a set is left alone until it is quiet.
func (m *Mirror) wait(path string, d time.Duration) {
	m.waits = max(m.waits, d)
	reason := fmt.Sprintf(waiting+"it is one set with all it holds, and is taken when it has been left alone for %v", m.Options.Quiet)
	m.problem(Problem{Path: path, Reason: reason, Err: ErrMeanwhile, Wait: d})
}

// whole is a set with its members as a folder that holds them.
func (r *round) whole(e *reconcile.Entry) *reconcile.Entry {
	if e == nil {
		return nil
	}
	c := *e
	c.Kind, c.Hash, c.Hashed, c.Children = proto.KindFolder, proto.Hash{}, false, r.inside[e]
	return &c
}

// plain is e as the file system knows it: a set is a folder.
func plain(e *reconcile.Entry) *reconcile.Entry {
	if e.Kind != reconcile.KindSet {
		return e
	}
	c := *e
	c.Kind = proto.KindFolder
	return &c
}

// below gives the path of a member in its set.
func below(set, e *reconcile.Entry) string {
	return strings.TrimPrefix(e.Path(), set.Path()+"/")
}

// byPath gives the members of a set by their paths in it.
func (r *round) byPath(e *reconcile.Entry) map[string]*reconcile.Entry {
	all := make(map[string]*reconcile.Entry)
	if e != nil {
		for _, c := range flat(r.inside[e]) {
			all[below(e, c)] = c
		}
	}
	return all
}

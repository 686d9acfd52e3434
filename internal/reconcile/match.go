package reconcile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/proto"
)

// identity is what a file system calls an entry for as long as it exists. Where it does not tell when one was born, its
// number may have been given to another since: then a file's size and time have to be the same too.
type identity struct {
	ino, born   int64
	size, mtime int64
	kind        proto.Kind
}

// Match gives the entries of local the numbers of the agreed ones they are, whatever numbers they had, and the hashes of
// those that have not been touched. What is left without a number is new.
func Match(agreed, local *Tree) {
	m := matcher{agreed: agreed, local: local, kin: make(map[*Entry]*Entry), hidden: make(map[identity]*Entry)}
	local.ByID = make(map[int64]*Entry, len(agreed.ByID))
	unnumber(local.Root)
	m.split(local.Root)
	m.pair(local.Root, agreed.Root)
	m.halfway(agreed)
	m.folders()
	m.files()
}

func unnumber(e *Entry) {
	e.ID, e.over = 0, false
	for _, c := range e.Children {
		unnumber(c)
	}
}

type matcher struct {
	agreed, local *Tree
	kin           map[*Entry]*Entry // local folders and their agreed ones

	localFolders []*Entry          // parents first, by name
	localFiles   []*Entry          // in no order
	agreedFiles  map[identity]bool // nil: not asked for yet

	// Files that are remembered at a place at which another one is remembered too: a crash took what the second move of an
	// exchange had remembered.
	hidden map[identity]*Entry
}

// split lists what a local folder holds, all the way down.
func (m *matcher) split(f *Entry) {
	var below []*Entry
	for _, c := range f.Children {
		if c.IsFolder() {
			below = append(below, c)
		} else {
			m.localFiles = append(m.localFiles, c)
		}
	}
	slices.SortFunc(below, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range below {
		m.localFolders = append(m.localFolders, c)
		m.split(c)
	}
}

// taken says whether the local entry of an agreed one has been found.
func (m *matcher) taken(a *Entry) bool { return m.local.ByID[a.ID] != nil }

func (m *matcher) pair(l, a *Entry) {
	m.local.Number(l, a.ID)
	if l.IsFolder() {
		m.kin[l] = a
		return
	}
	// A rename or a change of mode moves the ctime too, and so does an edit that hides behind a time set back: only
	// reading tells them apart. What a set holds is not told by the facts of its folder.
	if !l.Hashed && a.Hashed && l.Kind == a.Kind && l.Kind != KindSet && l.Size == a.Size &&
		l.Facts.Size == a.Facts.Size && l.Facts.Mtime == a.Facts.Mtime && l.Facts.Ctime == a.Facts.Ctime && l.Facts.Ino == a.Facts.Ino {
		l.Hash, l.Hashed = a.Hash, true
	}
}

// halfway finds what was left under a temporary name, which tells its number.
func (m *matcher) halfway(agreed *Tree) {
	for name, l := range m.local.Root.Children {
		number, ok := strings.CutPrefix(name, TempPrefix)
		if !ok {
			continue
		}
		number, _, _ = strings.Cut(number, "-")
		id, err := strconv.ParseInt(number, 10, 64)
		a := agreed.ByID[id]
		if err == nil && a != nil && class(a) == class(l) && a.Facts.Ino == l.Facts.Ino && a.Facts.Born == l.Facts.Born && !m.taken(a) {
			m.pair(l, a)
		}
	}
}

// folders first, for files are looked for in the folders that have been found.
func (m *matcher) folders() {
	born, unborn := make(map[identity]*Entry), make(map[identity]*Entry)
	var agreed []*Entry
	for _, a := range m.agreed.ByID { // not from the root, where one may hide another
		switch {
		case a.Facts.Ino == 0:
		case a.IsFolder():
			agreed = append(agreed, a)
		case a.Parent.Children[a.Name] != a:
			m.hidden[fileIdentity(a)] = a
		}
	}
	slices.SortFunc(agreed, func(a, b *Entry) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range agreed {
		key := identity{ino: int64(a.Facts.Ino), born: a.Facts.Born}
		if a.Facts.Born != 0 {
			born[key] = a
		} else {
			unborn[key] = a
		}
	}
	for _, l := range m.localFolders {
		a := born[identity{ino: int64(l.Facts.Ino), born: l.Facts.Born}]
		if a != nil && !m.taken(a) && m.kin[l] == nil {
			m.pair(l, a)
		}
	}
	now := make(map[uint64]bool)
	if len(unborn) > 0 {
		for _, l := range m.localFolders {
			now[l.Facts.Ino] = true
		}
	}
	for _, l := range m.localFolders {
		if m.kin[l] == nil {
			m.exchanged(l, unborn[identity{ino: int64(l.Facts.Ino)}], now)
			m.byPlace(l)
		}
	}
	// What was found at its place is no longer looked for, so these are moved. What they hold keeps its place in them.
	for _, l := range m.localFolders {
		if m.kin[l] == nil {
			m.byPlace(l)
		}
		if m.kin[l] == nil {
			if a := unborn[identity{ino: int64(l.Facts.Ino)}]; a != nil && !m.taken(a) {
				m.pair(l, a)
			}
		}
	}
}

// exchanged finds a folder of unknown birth that has taken another one's place: it was known elsewhere, as a, and the one
// that was in its place is somewhere else now. Otherwise the place says more, for the number of what is deleted is given
// away again.
func (m *matcher) exchanged(l, a *Entry, now map[uint64]bool) {
	parent := m.kin[l.Parent]
	if a == nil || m.taken(a) || parent == nil || parent == a {
		return
	}
	if was := parent.Children[l.Name]; was != nil && was != a && was.IsFolder() && now[was.Facts.Ino] {
		m.pair(l, a)
	}
}

func (m *matcher) byPlace(l *Entry) {
	if m.kin[l] != nil {
		return
	}
	if parent := m.kin[l.Parent]; parent != nil {
		if a := parent.Children[l.Name]; a != nil && a.IsFolder() && !m.taken(a) {
			m.pair(l, a)
		}
	}
}

func (m *matcher) files() {
	var rest []*Entry
	for _, l := range m.localFiles {
		if l.ID != 0 {
			continue
		}
		var a *Entry
		if parent := m.kin[l.Parent]; parent != nil {
			a = parent.Children[l.Name]
			if b := m.hidden[fileIdentity(l)]; b != nil && b.Parent == parent && b.Name == l.Name {
				a = b
			}
		}
		// An editor replaces a file by renaming another one over it: the place says more than the inode.
		if a != nil && class(a) == class(l) && !m.taken(a) {
			m.pair(l, a)
			l.over = l.Facts.Ino != a.Facts.Ino && l.Facts.Ino != 0 && m.known(l)
		} else {
			rest = append(rest, l)
		}
	}
	if len(rest) == 0 {
		return
	}
	moved := make(map[identity]*Entry)
	for _, a := range m.agreed.ByID {
		if !a.IsFolder() && !m.taken(a) && a.Facts.Ino != 0 {
			// Two are remembered where a run was cut short between giving a file's content to one and deleting the other.
			if other := moved[fileIdentity(a)]; other == nil || cmp.Or(cmp.Compare(a.Version, other.Version), cmp.Compare(other.ID, a.ID)) > 0 {
				moved[fileIdentity(a)] = a
			}
		}
	}
	if len(moved) == 0 {
		return
	}
	slices.SortFunc(rest, func(a, b *Entry) int { return strings.Compare(a.Path(), b.Path()) }) // of two names of one file the first
	for _, l := range rest {
		if a := moved[fileIdentity(l)]; a != nil && !m.taken(a) {
			m.pair(l, a)
		}
	}
}

// known says whether a local file is one that was agreed at another place.
func (m *matcher) known(l *Entry) bool {
	if m.agreedFiles == nil {
		m.agreedFiles = make(map[identity]bool)
		for _, a := range m.agreed.ByID {
			if !a.IsFolder() && a.Facts.Ino != 0 {
				m.agreedFiles[fileIdentity(a)] = true
			}
		}
	}
	return m.agreedFiles[fileIdentity(l)]
}

func fileIdentity(e *Entry) identity {
	id := identity{ino: int64(e.Facts.Ino), born: e.Facts.Born, kind: e.Kind}
	if id.born == 0 {
		id.size, id.mtime = e.Facts.Size, e.Facts.Mtime
	}
	return id
}

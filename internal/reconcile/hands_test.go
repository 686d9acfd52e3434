package reconcile

import (
	"errors"
	"fmt"

	"sluice/internal/proto"
)

// hands carries steps out on the two sides of a world and keeps the trees of the round in step, as the engine does.
type hands struct {
	w             *world
	local, remote *Tree
	disk, server  map[*Entry]*Entry // the real thing of an entry
}

func (h *hands) carry(s Step) error {
	l, r := s.Local, s.Remote
	switch s.Do {
	case Agree:
		h.whole(s, l, r)
	case Forget:
		delete(h.w.rows, s.Agreed.ID)
	case Aside:
		if s.Agreed != nil {
			delete(h.w.rows, s.Agreed.ID)
			h.local.Number(l, 0)
		}
		h.w.asides++
		return h.moveHere(l, l.Parent, s.Name)
	case UpMoveAside:
		return h.moveThere(r, h.remote.Root, s.Name)
	case DownMoveAside:
		return h.moveHere(l, h.local.Root, s.Name)
	case UpMkdir, UpPut:
		return h.up(s)
	case DownMkdir, DownFetch:
		return h.down(s)
	case UpMove:
		if err := h.moveThere(r, h.remote.ByID[l.Parent.ID], l.Name); err != nil {
			return err
		}
		h.placed(s, l, r)
	case DownMove:
		clean := l.Hashed
		if err := h.moveHere(l, h.local.ByID[r.Parent.ID], r.Name); err != nil {
			return err
		}
		h.placed(s, l, r)
		if clean {
			h.w.rows[r.ID].e.Facts = l.Facts
		}
	case UpSet:
		h.server[r].Mode, h.server[r].Mtime = l.Mode, l.Mtime
		h.w.touch(there, h.server[r])
		return h.after(s, l, r)
	case DownSet:
		f := h.disk[l]
		if f == nil {
			f = h.disk[h.local.ByID[r.ID]]
			l = h.local.ByID[r.ID]
		}
		f.Mode, f.Mtime, f.Facts.Mtime = r.Mode, r.Mtime, r.Mtime
		h.w.touch(here, f)
		return h.after(s, l, r)
	case UpDelete:
		if len(h.server[r].Children) > 0 {
			return errors.New("not empty")
		}
		h.w.server.Remove(h.server[r])
		h.remote.Remove(r)
		delete(h.w.rows, s.Agreed.ID)
	case DownDelete:
		if len(h.disk[l].Children) > 0 {
			return errors.New("not empty")
		}
		h.w.disk.Remove(h.disk[l])
		h.local.Remove(l)
		if s.Agreed != nil {
			delete(h.w.rows, s.Agreed.ID)
		}
	default:
		return fmt.Errorf("what is %d?", s.Do)
	}
	return nil
}

func (h *hands) free(real, parent *Entry, name string) error {
	switch {
	case parent == nil:
		return errors.New("no such folder")
	case !parent.IsFolder():
		return errors.New("not a folder")
	case parent.Children[name] != nil:
		return fmt.Errorf("%q exists", parent.Children[name].Path())
	case real != nil && below(parent, real):
		return errors.New("below itself")
	}
	return nil
}

func (h *hands) moveHere(l, to *Entry, name string) error {
	real, folder := h.disk[l], h.disk[to]
	if err := h.free(real, folder, name); err != nil {
		return err
	}
	h.w.disk.Move(real, folder, name)
	h.w.touch(here, real)
	l.Facts = real.Facts
	h.local.Move(l, to, name)
	return nil
}

func (h *hands) moveThere(r, to *Entry, name string) error {
	real, folder := h.server[r], h.server[to]
	if err := h.free(real, folder, name); err != nil {
		return err
	}
	h.w.server.Move(real, folder, name)
	h.w.touch(there, real)
	r.Version = real.Version
	h.remote.Move(r, to, name)
	return nil
}

func (h *hands) up(s Step) error {
	l, r := s.Local, s.Remote
	mine := h.disk[l]
	if r == nil {
		parent := h.server[h.remote.ByID[l.Parent.ID]]
		if l.Parent.ID == 0 {
			parent = nil
		}
		if err := h.free(nil, parent, l.Name); err != nil {
			return err
		}
		h.w.node++
		real := &Entry{ID: h.w.node, Name: l.Name}
		h.w.server.Add(parent, real)
		r = &Entry{ID: real.ID, Name: l.Name}
		h.remote.Add(h.remote.ByID[l.Parent.ID], r)
		h.server[r] = real
		h.local.Number(l, r.ID)
	}
	l.Hash, l.Hashed = mine.Hash, true
	for _, e := range []*Entry{r, h.server[r]} {
		e.Kind, e.Hash, e.Hashed, e.Size, e.Mode, e.Mtime = l.Kind, l.Hash, true, l.Size, l.Mode, l.Mtime
	}
	h.w.touch(there, h.server[r])
	r.Version = h.server[r].Version
	h.whole(s, l, r)
	return nil
}

func (h *hands) down(s Step) error {
	l, r := s.Local, s.Remote
	to := h.local.ByID[r.Parent.ID]
	if to == nil {
		return errors.New("no such folder here")
	}
	if l != nil {
		if l.Parent != to || l.Name != r.Name {
			return fmt.Errorf("it is at %q, not at %q", l.Path(), r.Path())
		}
		h.w.disk.Remove(h.disk[l]) // a rename over it
		h.local.Remove(l)
	}
	if err := h.free(nil, h.disk[to], r.Name); err != nil {
		return err
	}
	h.w.ino++
	now := h.w.tick()
	real := &Entry{Name: r.Name, Kind: r.Kind, Hash: r.Hash, Size: r.Size, Mode: r.Mode, Mtime: r.Mtime,
		Facts: Facts{Size: r.Size, Mtime: r.Mtime, Ctime: now, Ino: h.w.ino}}
	if !h.w.unborn {
		real.Facts.Born = now
	}
	h.w.disk.Add(h.disk[to], real)
	l = &Entry{ID: r.ID, Name: r.Name, Kind: r.Kind, Hash: r.Hash, Hashed: true, Size: r.Size, Mode: r.Mode, Mtime: r.Mtime, Facts: real.Facts}
	h.local.Add(to, l)
	h.disk[l] = real
	h.whole(s, l, r)
	return nil
}

// whole remembers that both are the same in everything.
func (h *hands) whole(s Step, l, r *Entry) {
	if s.Agreed != nil && s.Agreed.ID != r.ID {
		delete(h.w.rows, s.Agreed.ID)
		for _, below := range h.w.rows {
			if below.parent == s.Agreed.ID {
				below.parent = r.ID
			}
		}
	}
	if l.ID != r.ID {
		h.local.Number(l, r.ID)
	}
	n := &row{e: *r}
	n.e.Parent, n.e.Children, n.e.Hashed, n.e.Facts = nil, nil, true, h.disk[l].Facts
	if r.Parent != nil {
		n.parent = r.Parent.ID
	}
	h.w.rows[r.ID] = n
}

// placed remembers that both have the same place.
func (h *hands) placed(s Step, l, r *Entry) {
	n := h.w.rows[r.ID]
	n.parent, n.e.Name, n.e.Version = r.Parent.ID, r.Name, r.Version
	if r.Kind == proto.KindFolder {
		n.e.Facts = l.Facts
	}
}

// after remembers what setting mode and time has completed.
func (h *hands) after(s Step, l, r *Entry) error {
	if h.local.ByID[r.Parent.ID] != l.Parent || l.Name != r.Name {
		return errors.New("set at two places")
	}
	r.Mode, r.Mtime, r.Version = h.server[r].Mode, h.server[r].Mtime, h.server[r].Version
	h.whole(s, l, r)
	return nil
}

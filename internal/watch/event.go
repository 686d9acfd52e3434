package watch

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// events takes what one read gave: struct inotify_event, each followed by its name.
func (w *Watcher) events(b []byte) {
	for len(b) >= unix.SizeofInotifyEvent {
		watch := int32(binary.NativeEndian.Uint32(b))
		mask := binary.NativeEndian.Uint32(b[4:])
		cookie := binary.NativeEndian.Uint32(b[8:])
		length := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if length > len(b) {
			break // the kernel gives whole events only
		}
		name, _, _ := bytes.Cut(b[:length], []byte{0})
		b = b[length:]
		w.event(watch, mask, cookie, string(name))
	}
}

func (w *Watcher) event(watch int32, mask, cookie uint32, name string) {
	if mask&unix.IN_Q_OVERFLOW != 0 {
		w.overflow()
		return
	}
	f := w.byWatch[watch]
	if f == nil {
		return
	}
	if mask&unix.IN_IGNORED != 0 { // the folder is gone, or was unmounted
		w.drop(f)
		w.dirty(f.parent)
		return
	}
	if mask&unix.IN_ISDIR != 0 && name != "" {
		switch {
		case mask&unix.IN_MOVED_FROM != 0:
			if c := f.children[name]; c != nil {
				delete(f.children, name)
				w.moved[cookie] = c
			}
		case mask&unix.IN_MOVED_TO != 0:
			w.arrived(f, name, cookie)
		case mask&unix.IN_CREATE != 0:
			w.appeared(f, name)
		case mask&unix.IN_DELETE != 0:
			delete(w.unwatched, f.below(name))
		}
	}
	if mask&unix.IN_ISDIR != 0 || name == "" {
		w.dirty(f)
		return
	}
	w.named(f, name)
}

// maxNames is how many names of a folder are told; with more it is looked at whole.
const maxNames = 16

// named notes that something happened to a name in f that is no folder's.
func (w *Watcher) named(f *folder, name string) {
	names, found := w.pending.dirty[f]
	if found && (names == nil || len(names) == maxNames && !names[name]) {
		w.dirty(f)
		return
	}
	w.pending.note()
	if names == nil {
		names = make(map[string]bool)
		w.pending.dirty[f] = names
	}
	names[name] = true
}

func (w *Watcher) dirty(f *folder) {
	w.pending.note()
	if f == nil {
		w.pending.all = true // the root itself
		return
	}
	w.pending.dirty[f] = nil
}

// arrived takes a folder that was moved to name in f.
func (w *Watcher) arrived(f *folder, name string, cookie uint32) {
	c := w.moved[cookie]
	if c == nil || !w.alive(c) { // from outside; or it was seen here already
		w.appeared(f, name)
		return
	}
	delete(w.moved, cookie)
	if old := f.children[name]; old != nil {
		w.drop(old) // an empty folder that was replaced
	}
	c.name = name
	link(f, c)
	if w.opt.Skip != nil && w.opt.Skip(c.path()) {
		w.drop(c)
	}
}

// appeared takes a folder that is new in the tree: what it held before it was watched is not told by events.
func (w *Watcher) appeared(f *folder, name string) {
	if w.opt.Skip == nil || !w.opt.Skip(f.below(name)) {
		w.fresh = append(w.fresh, fresh{f, name})
	}
}

// overflow begins anew: folders may have come, gone and moved unseen.
func (w *Watcher) overflow() {
	for _, f := range w.moved {
		w.drop(f)
	}
	for _, f := range w.top.children {
		w.drop(f)
	}
	clear(w.moved)
	clear(w.unwatched)
	w.fresh = nil
	w.all()
	w.pending.note()
	w.pending.all = true
}

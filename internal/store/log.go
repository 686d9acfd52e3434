package store

import (
	"math"

	"sluice/internal/db"
)

// Event is something that happened to a name.
type Event struct {
	Number int64 // the journal's
	What   Happening
	Node   int64
	Kind   Kind
	Size   int64    // of what came or went
	Path   []string // from the root; where it is then, of what was deleted where it was
	From   []string // of what was moved: where it was
	At     int64    // ns since 1970
	Device string   // empty: not known
}

// Happening says what happened. The order is the wire's.
type Happening uint8

const (
	Put        Happening = 1 + iota // a file, link or folder came
	Changed                         // it got another content
	WasMoved                        // it got another place
	WasDeleted                      //
	CameAgain                       // it was restored
)

// maxScanned bounds the events looked at for one page: those below a small folder may be far apart.
const maxScanned = 10_000

// Log tells what happened below a node (0: the root), the latest first: from the number before on (not included; 0: from
// the latest) down to what happened before since, ns since 1970. It goes back as far as the tree is known. It ends when
// add says that the page is full, or when it has looked at many events; next is where to go on, 0: that was all.
// Of a folder that was deleted or came again only itself is told. Changes of mode and time leave no trace.
func (s *Store) Log(w Who, namespace, node, before, since int64, add func(Event) bool) (epoch, journal, next int64, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.read(func(tx *db.Tx) error {
		ns, err := s.may(tx, w, namespace, node, needRead)
		if err != nil {
			return err
		}
		epoch, journal = ns.Epoch, ns.Journal
		top := ns.Root
		if node != 0 {
			n, err := newReach(tx, ns, 0).node(node)
			if err != nil {
				return err
			}
			top = n.ID
		}
		l := chronicle{tx: tx, ns: ns, h: newHistory(tx, ns), devices: newDevices(tx), top: top}
		scanned := 0
		return tx.Log(ns.ID, before, func(e *db.Event) (bool, error) {
			if e.Number <= ns.Horizon {
				return false, nil
			}
			if scanned++; scanned > maxScanned {
				next = before
				return false, nil
			}
			told, under, err := l.event(e)
			if err != nil || told.At < since {
				return false, err
			}
			if under && !add(told) {
				next = before
				return false, nil
			}
			before = e.Number
			return true, nil
		})
	})
	return epoch, journal, next, err
}

// chronicle makes events.
type chronicle struct {
	tx      *db.Tx
	ns      *db.Namespace
	h       *history
	devices *devices
	top     int64
	moment  db.Moment // the last that was looked up
	from    int64     // the first number that is known to be of that moment
}

func (l *chronicle) event(e *db.Event) (told Event, under bool, err error) {
	told = Event{Number: e.Number, Node: e.ID, Kind: Kind(e.Kind), Size: e.Size}
	if err := l.when(e.Number, &told); err != nil {
		return told, false, err
	}
	if e.ID == l.ns.Root {
		return told, false, nil
	}
	at, parent, name := e.Number, e.Parent, e.Name
	switch {
	case e.Came:
		told.What = Put
		again, err := l.tx.CameAgain(e.ID, e.Number)
		if err != nil {
			return told, false, err
		}
		if again {
			told.What = CameAgain
		}
		if e.Size == 0 && e.Kind != db.Folder { // it may share its content with a later state
			err = l.was(e, e.Number, &told, nil, nil)
		}
		if err != nil {
			return told, false, err
		}
	case e.Ended == db.Deleted:
		told.What, at = WasDeleted, e.Number-1
		if e.Size == 0 && e.Kind != db.Folder { // it came again, and is charged for there
			if err := l.was(e, at, &told, nil, nil); err != nil {
				return told, false, err
			}
		}
	case e.Ended == db.Replaced:
		told.What = Changed
		if err := l.was(e, e.Number, &told, nil, nil); err != nil {
			return told, false, err
		}
	case e.Ended == db.Moved:
		told.What = WasMoved
		if told.From, under, _, err = l.h.path(e.Parent, e.Name, e.Number-1, l.top); err != nil {
			return told, false, err
		}
		if err := l.was(e, e.Number, &told, &parent, &name); err != nil {
			return told, false, err
		}
	}
	path, here, _, err := l.h.path(parent, name, at, l.top)
	told.Path = path
	return told, under || here || e.ID == l.top, err
}

// was fills in what the node was after a number, and where.
func (l *chronicle) was(e *db.Event, number int64, told *Event, parent *int64, name *[]byte) error {
	n, err := l.tx.NodeAsOf(e.ID, number)
	if err != nil || n == nil {
		return err
	}
	told.Kind, told.Size = Kind(n.Kind), n.Size
	if parent != nil {
		*parent, *name = n.Parent, n.Name
	}
	return nil
}

// when fills in the commit of a number. Numbers come downwards, many of one commit after another.
func (l *chronicle) when(number int64, told *Event) error {
	if l.from == 0 || number < l.from {
		m, _, err := l.tx.MomentOf(l.ns.ID, number)
		if err != nil {
			return err
		}
		before, _, err := l.tx.MomentBefore(l.ns.ID, m.Journal)
		if err != nil {
			return err
		}
		l.moment, l.from = m, before.Journal+1
	}
	told.At = l.moment.At
	var err error
	told.Device, err = l.devices.name(l.moment.Device)
	return err
}

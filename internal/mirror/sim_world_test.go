package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// world is one schedule: a server, some devices, and a seed that decides all that happens.
type world struct {
	seed    uint64
	rand    *rand.Rand
	server  *simServer
	devices []*simDevice
	log     []string
	fail    string // the first thing that went wrong

	sets     []string            // names of folders that are sets
	setBatch int                 // changes of a set in one commit; 0: as always
	batch    int                 // changes in any other commit; 0: as always, and nothing happens beside a commit
	states   map[proto.Hash]bool // of sets, that a user has made; nil: nobody looks

	number   int64 // the last one given
	clock    int64
	faults   int  // one call in so many fails, or is a crash; 0: none
	meddle   int  // during one call in so many somebody does something else; 0: never
	alike    bool // half of all contents are of a few
	coarse   bool // disks stamp times so that changes within a granule look alike
	watching bool // devices are told where users did something, and look there alone
	nested   bool // a device runs within the run of another
	running  *simDevice

	during func(what string)             // called at each call of an engine; may be nil
	late   func(do func()) (wait func()) // instead of what happens beside a commit by chance; may be nil

	written map[proto.Hash]string // contents that users wrote, and where first
	dropped map[proto.Hash]bool   // contents that a user replaced or deleted somewhere
	crashes int
}

// simDevice is a disk, what its engine remembers, and its line to the server.
type simDevice struct {
	disk   *disk
	memory *simMemory
	kept   Memory // instead of memory: a real state, for those who ask for it
	line   *line
	mirror *Mirror
	sure   bool
	looked bool // this life of the engine has looked at everything
}

// crash is what a panic carries that ends an engine at any of its calls.
type crash struct{}

var errLost = errors.New("connection lost")

func newWorld(seed uint64, devices int) *world {
	w := &world{
		seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), clock: 1_700_000_000_000_000_000,
		alike: seed%5 == 0, coarse: seed%7 == 3, written: make(map[proto.Hash]string), dropped: make(map[proto.Hash]bool),
	}
	w.server = newServer(w)
	for i := range devices {
		name := string(rune('A' + i))
		d := &simDevice{disk: newDisk(w, name, w.chance(3)), line: &line{w.server, name}}
		d.memory = &simMemory{w: w, name: name, root: state.SyncRoot{Server: w.server.uuid, Path: "docs", Dir: "/" + name, Device: name}}
		w.devices = append(w.devices, d)
	}
	return w
}

func (d *simDevice) state() Memory {
	if d.kept != nil {
		return d.kept
	}
	return d.memory
}

func (w *world) device(name string) *simDevice { return w.devices[int(name[0]-'A')] }

func (w *world) next() int64 { w.number++; return w.number }

// tick gives a time that was never given before, though the clock jumps.
func (w *world) tick() int64 {
	if w.chance(50) && !w.coarse {
		w.clock += (w.rand.Int64N(3) - 1) * int64(10*365*24*time.Hour)
	}
	w.clock += 1_000_000
	return w.clock/1_000_000*1_000_000 + w.next()%1_000_000
}

func (w *world) chance(n int) bool { return w.rand.IntN(n) == 0 }

func (w *world) note(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *world) wrong(format string, args ...any) {
	if w.fail == "" {
		w.fail = fmt.Sprintf(format, args...)
		w.note("WRONG: %s", w.fail)
	}
}

// point is any call of an engine: it may fail, be the last one, or have something happen meanwhile.
func (w *world) point(who, what string) error {
	if w.during != nil {
		w.during(what)
	}
	if w.meddle > 0 && w.chance(w.meddle) {
		w.someoneElse()
	}
	w.mayCrash(who, what)
	if w.faults > 0 && w.chance(w.faults*2) {
		switch what {
		case "commit", "commit's reply", "stat", "list", "list's reply", "changes", "changes' reply", "send", "fetch":
			w.note("%s: %s is lost", who, what)
			return errLost
		}
	}
	return nil
}

func (w *world) mayCrash(who, what string) {
	if w.faults > 0 && w.chance(w.faults*3) {
		w.crashes++
		w.note("%s: crash at %s", who, what)
		panic(crash{})
	}
}

// someoneElse does something while an engine waits.
func (w *world) someoneElse() {
	if len(w.server.late) > 0 && w.chance(2) {
		c := w.server.late[0]
		w.server.late = w.server.late[1:]
		w.note("a late commit arrives")
		_, _ = w.server.once(c)
		return
	}
	if w.chance(4) && !w.nested && len(w.devices) > 1 {
		other := w.devices[w.rand.IntN(len(w.devices))]
		if other != w.running {
			w.nested = true
			running := w.running
			w.sync(other)
			w.running, w.nested = running, false
			return
		}
	}
	w.use(w.devices[w.rand.IntN(len(w.devices))].disk)
}

// sync is one run of a device's engine, a new life of it if there was none.
func (w *world) sync(d *simDevice) (result *Result, err error) {
	w.running = d
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(crash); !ok {
				panic(p)
			}
			d.mirror = nil
			d.disk.dirty = nil
			if w.chance(2) {
				w.note("%s: power cut", d.disk.name)
				d.disk.cut()
			}
			result, err = nil, errLost
		}
		w.running = nil
	}()
	if d.mirror == nil || !w.watching && w.chance(3) {
		d.looked, d.disk.dirty = false, nil
		d.mirror, err = Open(Config{
			Folder: d.disk, Contents: &simContents{d.disk, w.server}, Server: d.line, State: d.state(),
			Now:     func() time.Time { return time.Unix(0, w.clock) },
			Options: Options{Limit: reconcile.Limit{Sure: d.sure}, Sets: w.sets, Batch: w.batch, SetBatch: w.setBatch},
			Beside:  w.beside,
			Events: func(e Event) {
				w.note("%s: %s %s %s: %s", d.disk.name, e.Do, e.From, e.Path, e.Why)
				w.asides(d.disk, e)
			},
		})
		if err != nil {
			return nil, err
		}
	}
	if dirty := d.disk.parts(); d.looked && (w.watching || w.chance(2)) {
		w.note("%s: round %v", d.disk.name, dirty)
		before := d.disk.dirty
		d.disk.dirty = nil
		if result, err = d.mirror.Round(context.Background(), dirty); err != nil {
			d.disk.dirty = append(d.disk.dirty, before...)
		}
	} else {
		w.note("%s: run", d.disk.name)
		d.disk.dirty = nil
		result, err = d.mirror.Run(context.Background())
		d.looked = err == nil
	}
	if err != nil {
		w.note("%s: run ended: %v", d.disk.name, err)
		var safety *SafetyError
		if errors.As(err, &safety) {
			d.sure = true
			d.mirror = nil
		}
	}
	return result, err
}

// removed is told of a content that an engine took off a disk: it must be somewhere.
func (w *world) removed(d *disk, n *inode, how string) {
	if n.kind == proto.KindFolder {
		return
	}
	h := hashOf(n.data)
	if w.written[h] == "" || w.dropped[h] || w.kept(h) {
		return
	}
	w.wrong("%s: %s: %q is nowhere any more", d.name, how, n.data)
}

// kept says whether a content is on some disk, or named by the server, now or once.
func (w *world) kept(h proto.Hash) bool {
	return w.server.past[h] || w.onDisk(h)
}

func (w *world) onDisk(h proto.Hash) bool {
	found := false
	for _, d := range w.devices {
		d.disk.walk(d.disk.root, "", func(_ string, n *inode) {
			found = found || n.kind != proto.KindFolder && hashOf(n.data) == h
		})
	}
	return found
}

// asides holds a rename to a conflict name against what the server has there: what equals is not renamed.
func (w *world) asides(d *disk, e Event) {
	if e.Do != words[reconcile.Aside] || w.meddle > 0 {
		return
	}
	_, n, _ := d.at(e.Path)
	id := w.server.root
	var at *simNode
	for _, name := range strings.Split(e.From, "/") {
		if at = w.server.child(id, name); at == nil {
			return
		}
		id = at.Node
	}
	if n.kind != proto.KindFolder && at.Kind == n.kind && at.Hash == hashOf(n.data) {
		w.wrong("%s: %s was renamed, and is what the server has", d.name, e.From)
	}
}

// simContents moves contents between a disk and the server.
type simContents struct {
	d *disk
	s *simServer
}

func (c *simContents) Send(ctx context.Context, list []*reconcile.Entry, each func([]Sent) error) error {
	began := c.d.w.clock
	order := c.d.w.rand.Perm(len(list))
	var batch []Sent
	for k, i := range order {
		if err := c.d.w.point(c.d.name, "send"); err != nil {
			return err
		}
		e := list[i]
		_, n, _ := c.d.at(e.Path())
		one := Sent{Local: e}
		switch {
		case n == nil || n.kind != e.Kind:
			one.Err = ErrMeanwhile
		case n.locked:
			one.Err = errors.New("permission denied")
		default:
			data, facts := n.data, n.facts()
			if err := c.d.w.point(c.d.name, "sending"); err != nil {
				return err
			}
			if n.facts() != facts {
				one.Err = ErrMeanwhile // a mixture, perhaps
				break
			}
			c.s.held[hashOf(data)] = data
			e.Hash, e.Hashed, e.Size, e.Mode, e.Mtime, e.Facts = hashOf(data), true, int64(len(data)), n.mode, n.mtime, c.d.factsRead(n, began)
		}
		batch = append(batch, one)
		if c.d.w.chance(2) || k == len(order)-1 {
			if err := each(batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	return nil
}

func (c *simContents) Fetch(ctx context.Context, list []Wanted, each func([]Fetched) error) error {
	for _, i := range c.d.w.rand.Perm(len(list)) {
		if err := c.d.w.point(c.d.name, "fetch"); err != nil {
			return err
		}
		if err := each([]Fetched{c.fetch(list[i])}); err != nil {
			return err
		}
	}
	return nil
}

func (c *simContents) fetch(want Wanted) Fetched {
	d := c.d
	data, found := c.s.held[want.Remote.Hash]
	folder, there, name := d.at(want.Path)
	switch {
	case !found:
		return Fetched{Wanted: want, Err: ErrMeanwhile}
	case folder == nil, !unchanged(there, want.Over):
		return Fetched{Wanted: want, Err: ErrMeanwhile}
	case d.full:
		return Fetched{Wanted: want, Err: unix.ENOSPC}
	}
	n := d.make(want.Remote.Kind, data, want.Remote.Mode)
	n.mtime = want.Remote.Mtime
	folder.kids[name] = n
	d.changes++
	d.w.noMixture(d, "a file was fetched")
	d.undo = nil // it is durable, and what came before it
	if there != nil {
		d.freed(there)
		d.w.removed(d, there, "replaced "+want.Path)
	}
	d.w.mayCrash(d.name, "fetched")
	return Fetched{Wanted: want, Facts: n.facts()}
}

// FetchSet makes the new set beside the old one, and puts it in its place.
func (c *simContents) FetchSet(ctx context.Context, want WantedSet) (*reconcile.Entry, error) {
	d := c.d
	if err := d.w.point(d.name, "fetch set"); err != nil {
		return nil, err
	}
	n, err := c.build(want.Remote)
	if err != nil {
		return nil, err
	}
	if err := d.w.point(d.name, "fetched set"); err != nil {
		return nil, err
	}
	folder, there, name := d.at(want.Path)
	if folder == nil || (there == nil) != (want.Over == nil) || there != nil && !sameSet(there, want.Over) {
		return nil, ErrMeanwhile
	}
	got := d.entry(name, n)
	d.hang(got, n)
	folder.kids[name] = n
	d.changes++
	d.undo = nil
	d.w.noMixture(d, "a set was fetched")
	if there != nil {
		d.walk(there, want.Path, func(at string, k *inode) {
			d.freed(k)
			d.w.removed(d, k, "replaced "+at)
		})
	}
	d.w.mayCrash(d.name, "fetched set")
	return got, nil
}

func (c *simContents) build(e *reconcile.Entry) (*inode, error) {
	data, found := c.s.held[e.Hash]
	if e.Kind != proto.KindFolder && !found {
		return nil, ErrMeanwhile
	}
	if c.d.full {
		return nil, unix.ENOSPC
	}
	n := c.d.make(e.Kind, data, e.Mode)
	n.mtime = e.Mtime
	for _, name := range slices.Sorted(maps.Keys(e.Children)) {
		kid, err := c.build(e.Children[name])
		if err != nil {
			return nil, err
		}
		n.kids[name] = kid
	}
	return n, c.d.w.point(c.d.name, "fetch of set")
}

// hang makes entries of what a folder holds.
func (d *disk) hang(e *reconcile.Entry, n *inode) {
	for name, k := range n.kids {
		c := d.entry(name, k)
		c.Parent = e
		if e.Children == nil {
			e.Children = make(map[string]*reconcile.Entry)
		}
		e.Children[name] = c
		d.hang(c, k)
	}
}

// freed lets the number of an inode be given again, if it is one: an edit in place only drops a content.
func (d *disk) freed(n *inode) {
	if d.bornless && n.ino != 0 {
		d.free = append(d.free, n.ino)
	}
}

// beside is a commit on its way: it arrives at once, or as late as it may.
func (w *world) beside(do func()) (wait func()) {
	if w.late != nil {
		return w.late(do)
	}
	if w.batch > 0 && w.chance(2) {
		return do
	}
	do()
	return func() {}
}

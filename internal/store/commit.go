package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sluice/internal/db"
)

// Op is what a change does.
type Op uint8

const (
	OpPut    Op = 1 + iota // put a file's or link's content at (Parent, Name)
	OpMkdir                // make a folder at (Parent, Name)
	OpSet                  // change mode and mtime of Node; no version row is kept
	OpMove                 // move Node to (Parent, Name), replacing a file there if expected
	OpCopy                 // copy Node, with all below it, to (Parent, Name)
	OpDelete               // delete Node
)

// Place is where a name stands: a folder's node, or the folder made by an earlier entry of the same batch.
type Place struct {
	Node  int64 // 0: see Entry
	Entry int   // index of an earlier entry
}

// ExpectAny as Expect or ExpectNode takes whatever stands there.
const ExpectAny = -1

// Change is one entry of a commit. Expect is the version that must stand there: of the name at (Parent, Name) for put,
// mkdir, move and copy (0: nothing may stand there), of the node itself for set and delete.
type Change struct {
	Op         Op
	Parent     Place
	Name       string
	Node       int64
	Kind       Kind
	Hash       [32]byte
	Size       int64
	Mode       uint32
	Mtime      int64
	Expect     int64
	ExpectNode int64 // move: the moved node's version
	Recursive  bool  // delete: a folder that holds something too
}

// Fate is what became of an entry: its node and that one's version, or why it was refused. A deleted node's version is
// the number of the delete. With ErrExists or ErrConflict node and version are what stands there instead; 0: nothing.
type Fate struct {
	Node    int64
	Version int64
	Err     error
}

// EntryError is the failure of a commit in mode all: the entry that was refused and undid the others.
type EntryError struct {
	Entry int
	Err   error
}

func (e *EntryError) Error() string { return fmt.Sprintf("entry %d: %v", e.Entry, e.Err) }
func (e *EntryError) Unwrap() error { return e.Err }

// maxChanges bounds a commit, which is one transaction while others wait.
const maxChanges = 1000

// Commit applies changes in order, in one transaction. Each that is done gets the namespace's next journal number as its
// version. With all, the first refusal undoes everything and is answered as an *EntryError; otherwise a refused
// entry has changed nothing and the others stand. reply makes what is answered, and stored for a repetition; it is
// called within the transaction. at is the number the namespace's journal must stand at, else ErrConflict; 0: any.
func (s *Store) Commit(w Who, once Once, namespace int64, all bool, at int64, changes []Change, reply func(journal int64, fates []Fate) []byte) ([]byte, error) {
	if len(changes) > maxChanges {
		return nil, fmt.Errorf("%d changes, at most %d: %w", len(changes), maxChanges, ErrRange)
	}
	write := s.write
	if onlyDeletes(changes) {
		write = s.writeAnyway
	} else if err := s.mayCommit(); err != nil {
		return nil, err
	}
	var answer []byte
	work := func(careful bool) error {
		return write(func(tx *db.Tx) (err error) {
			answer, err = s.once(tx, w, once, func(tx *db.Tx) error {
				_, err := s.may(tx, w, namespace, 0, needWrite)
				return err
			}, func(tx *db.Tx) ([]byte, error) {
				b, err := s.newBatch(tx, w, namespace, len(changes))
				if err != nil {
					return nil, err
				}
				if at != 0 && at != b.journal {
					return nil, ErrConflict
				}
				b.careful = careful
				return b.answer(changes, all, reply)
			})
			return err
		})
	}
	err := work(false)
	if errors.Is(err, errSeen) {
		err = work(true)
	}
	return answer, err
}

// errSeen undoes a commit that put files without a look where something stood: it is to be done again, carefully.
var errSeen = errors.New("a name was taken")

// onlyDeletes tells whether a commit makes room rather than taking it.
func onlyDeletes(changes []Change) bool {
	return !slices.ContainsFunc(changes, func(c Change) bool { return c.Op != OpDelete })
}

// refusals are what an entry may be refused with; any other error is the transaction's.
var refusals = []error{
	ErrNotFound, ErrConflict, ErrExists, ErrNotUploaded, ErrQuota, ErrNotFolder, ErrIsFolder, ErrNotEmpty, ErrHash,
	ErrForbidden, ErrCycle, ErrRange, ErrSpoiled,
}

func refusal(err error) bool {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}

// batch is a commit under way. An op first finds out all that could refuse it, then writes; so that a refused entry
// needs no undoing. What belongs to the namespace and the account is counted here and written once, by finish.
type batch struct {
	s     *Store
	tx    *db.Tx
	who   Who
	ns    *db.Namespace
	reach *reach
	fates []Fate // of the entries before

	journal  int64   // the last number given
	used     int64   // what the namespace is charged for
	left     int64   // what the owner may still be charged for
	named    []int64 // contents whose holds are to be released
	released int64   // bytes of holds that were
	node     int64   // the last node id given
	copied   int     // nodes, by all copies of this commit
	now      int64   // later than all commits before, whatever the clock says

	careful   bool      // nothing is put without a look
	unwritten []db.Node // put without a look: given their ids and numbers, not yet inserted
}

func (s *Store) newBatch(tx *db.Tx, w Who, namespace int64, n int) (*batch, error) {
	ns, err := s.may(tx, w, namespace, 0, needWrite)
	if err != nil {
		return nil, err
	}
	left, limited, err := tx.Left(ns.Owner)
	if err != nil {
		return nil, err
	}
	if !limited {
		left = math.MaxInt64
	}
	node, err := tx.LastNode()
	if err != nil {
		return nil, err
	}
	last, _, err := tx.LastMoment(ns.ID)
	if err != nil {
		return nil, err
	}
	return &batch{
		s: s, tx: tx, who: w, ns: ns, reach: newReach(tx, ns, maxDepth), fates: make([]Fate, 0, n),
		journal: ns.Journal, used: ns.Used, left: left, node: node, now: max(now(), last.At+1),
	}, nil
}

// finish writes what was counted.
func (b *batch) finish() error {
	if err := b.settle(); err != nil {
		return err
	}
	if b.released > 0 {
		if _, err := b.tx.Charge(b.who.Account, -b.released); err != nil {
			return err
		}
	}
	if b.journal == b.ns.Journal {
		return nil
	}
	last, err := b.tx.LastNode()
	if err == nil && last != b.node {
		err = fmt.Errorf("BUG: the last node is %d, not %d", last, b.node)
	}
	if err != nil {
		return err
	}
	if err := b.tx.InsertMoment(b.ns.ID, db.Moment{Journal: b.journal, At: b.now, Device: b.who.Device}); err != nil {
		return err
	}
	return b.tx.SetJournal(b.ns.ID, b.journal, b.used)
}

func (b *batch) apply(c *Change) Fate {
	var f Fate
	if c.Op != OpPut {
		if f.Err = b.flush(); f.Err != nil {
			return f
		}
	}
	switch c.Op {
	case OpPut:
		f.Node, f.Version, f.Err = b.put(c)
	case OpMkdir:
		f.Node, f.Version, f.Err = b.mkdir(c)
	case OpSet:
		f.Node, f.Version, f.Err = b.set(c)
	case OpMove:
		f.Node, f.Version, f.Err = b.move(c)
	case OpCopy:
		f.Node, f.Version, f.Err = b.copy(c)
	case OpDelete:
		f.Node, f.Version, f.Err = b.delete(c)
	default:
		f.Err = fmt.Errorf("op %d: %w", c.Op, ErrRange)
	}
	var e *stands
	if errors.As(f.Err, &e) {
		f.Node, f.Version = e.there.ID, e.there.Version
	}
	return f
}

// answer carries out the changes of a commit and makes its reply.
func (b *batch) answer(changes []Change, all bool, reply func(journal int64, fates []Fate) []byte) ([]byte, error) {
	for i := range changes {
		fate := b.apply(&changes[i])
		if fate.Err != nil && !refusal(fate.Err) {
			return nil, fmt.Errorf("commit entry %d: %w", i, fate.Err)
		}
		if fate.Err != nil && all {
			if err := b.flush(); err != nil { // an entry before this one may be the culprit
				return nil, err
			}
			return nil, &EntryError{i, fate.Err}
		}
		b.fates = append(b.fates, fate)
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	return reply(b.journal, b.fates), nil
}

// number gives the next journal number.
func (b *batch) number() int64 {
	b.journal++
	return b.journal
}

// place finds the folder a change's name stands in.
func (b *batch) place(p Place) (int64, error) {
	if p.Node == 0 && p.Entry >= len(b.fates)-len(b.unwritten) || p.Node > b.node-int64(len(b.unwritten)) {
		if err := b.flush(); err != nil { // it may be one of those
			return 0, err
		}
	}
	if p.Node != 0 {
		return p.Node, b.reach.folder(p.Node)
	}
	if p.Entry < 0 || p.Entry >= len(b.fates) {
		return 0, fmt.Errorf("entry %d is not an earlier one: %w", p.Entry, ErrRange)
	}
	before := b.fates[p.Entry]
	if before.Err != nil {
		return 0, fmt.Errorf("entry %d was refused: %w", p.Entry, ErrNotFound)
	}
	return before.Node, b.reach.folder(before.Node)
}

// target finds the folder a change's name stands in, and what stands there.
func (b *batch) target(c *Change) (parent int64, there *db.Node, err error) {
	if err := checkName(c.Name); err != nil {
		return 0, nil, err
	}
	if parent, err = b.place(c.Parent); err != nil {
		return 0, nil, err
	}
	there, err = b.tx.Child(parent, []byte(c.Name))
	return parent, there, err
}

// stands is the refusal of a change that expected something else than what stands there.
type stands struct {
	error
	there *db.Node
}

func (e *stands) Unwrap() error { return e.error }

// expect compares what stands somewhere (nil: nothing) with what a change expects there.
func expect(there *db.Node, version int64) error {
	switch {
	case version == ExpectAny:
		return nil
	case version == 0 && there == nil:
		return nil
	case version == 0:
		return &stands{ErrExists, there}
	case there == nil:
		return ErrConflict
	case there.Version != version:
		return &stands{ErrConflict, there}
	}
	return nil
}

// afford says whether the owner may be charged for so many bytes more.
func (b *batch) afford(bytes int64) error {
	if bytes <= 0 || bytes <= b.left {
		return nil
	}
	if err := b.settle(); err != nil { // what is released makes room
		return err
	}
	if bytes > b.left {
		return ErrQuota
	}
	return nil
}

// charge counts bytes that nodes and versions take.
func (b *batch) charge(bytes int64) {
	b.used += bytes
	if b.left != math.MaxInt64 {
		b.left -= bytes
	}
}

// release frees the account's hold on a content that has been named, with others at once.
func (b *batch) release(content int64) { b.named = append(b.named, content) }

// settle frees the holds on what has been named so far.
func (b *batch) settle() error {
	if err := b.flush(); err != nil { // which is what holds it from now on
		return err
	}
	if len(b.named) == 0 {
		return nil
	}
	list := numberList(b.named)
	b.named = b.named[:0]
	bytes, err := b.tx.ReleaseHolds(b.who.Account, list)
	if err != nil {
		return err
	}
	b.released += bytes
	if b.left != math.MaxInt64 && b.who.Account == b.ns.Owner {
		b.left += bytes
	}
	return nil
}

// numberList is a JSON array of numbers, of which there are some.
func numberList(all []int64) []byte {
	list := []byte{'['}
	for _, n := range all {
		list = append(strconv.AppendInt(list, n, 10), ',')
	}
	list[len(list)-1] = ']'
	return list
}

// end keeps what a node was, under the number that ended it.
func (b *batch) end(n *db.Node, until, how int64) error {
	p := db.Past{Node: *n, Until: until, Ended: how, Device: b.who.Device, At: b.now}
	if how == db.Moved {
		p.Content, p.Size = 0, 0 // the next state has it
	}
	return b.tx.InsertPast(&p)
}

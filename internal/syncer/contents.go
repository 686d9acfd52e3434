package syncer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// Contents moves the bytes of a synced folder. One Send and one Fetch may run at a time, beside the folder's methods.
type Contents struct {
	folder *Folder
	o      ContentsOptions
	asked  bool // whether the account is empty
}

var _ mirror.Contents = (*Contents)(nil)

// ContentsOptions say how bytes are moved.
type ContentsOptions struct {
	Server Server
	// HashFirst is what it is in PushOptions.
	HashFirst bool
	Progress  *Progress // may be nil
	// Older tells the content that the server has of a file whose content is not known yet; the zero value: none. May be nil.
	Older func(*reconcile.Entry) client.Known
}

// NewContents moves bytes between a folder and a server. The folder stays the caller's.
func NewContents(f *Folder, o ContentsOptions) *Contents {
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	return &Contents{folder: f, o: o}
}

// moving is what Send and Fetch have in common: outcomes that are told one at a time.
type moving struct {
	progress *Progress
	mu       sync.Mutex
	at       *beneath
	ctx      context.Context
	fail     context.CancelCauseFunc
}

// tell tells outcomes by each; after its error, or another, nothing more is told.
func tell[T any](m *moving, list []T, each func([]T) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(list) == 0 || m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	m.progress.Done.Add(int64(len(list)))
	err := each(list)
	if err != nil {
		m.fail(err)
	}
	return err
}

func (m *moving) saved(copied, holes, resumed int64) {}

// Send is mirror.Contents's.
func (c *Contents) Send(parent context.Context, list []*reconcile.Entry, each func([]mirror.Sent) error) error {
	if len(list) == 0 {
		return parent.Err()
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	s := &sentContents{moving: moving{at: c.folder.at, progress: c.o.Progress, ctx: ctx, fail: cancel}, each: each, began: time.Now(), entries: make(map[*Node]*reconcile.Entry, len(list))}
	out := sender{
		sending: s, Server: c.o.Server, HashFirst: c.o.HashFirst, at: c.folder.at, progress: c.o.Progress,
		empty: c.empty(ctx, len(list)), fail: cancel,
	}
	tasks := s.tasks(list, c.o.Older)
	for i := range tasks {
		c.o.Progress.found(tasks[i].Src.Size)
	}
	c.o.Progress.Planned.Store(true)
	small, large := split(tasks)
	out.send(ctx, small, large)
	return context.Cause(ctx)
}

// empty asks once whether the account holds nothing at all, so that nothing need be asked for by its hash.
func (c *Contents) empty(ctx context.Context, files int) bool {
	if c.asked || files < batchLeast {
		return false
	}
	c.asked = true
	q, err := c.o.Server.Quota(ctx)
	return err == nil && q.Used == 0 && q.Held == 0
}

// sentContents is one Send.
type sentContents struct {
	moving
	each    func([]mirror.Sent) error
	began   time.Time
	entries map[*Node]*reconcile.Entry
}

// tasks makes tasks of entries. Links are read here, as their targets are in no tree.
func (s *sentContents) tasks(list []*reconcile.Entry, older func(*reconcile.Entry) client.Known) []task {
	all := make([]task, 0, len(list))
	top := new(Node)
	for _, e := range list {
		n := nodeOf(e, e.Path(), top)
		s.entries[n] = e
		if e.Kind == proto.KindLink {
			if err := readLink(s.at, n.Name, n); err != nil {
				s.unreadable(n, err)
				continue
			}
		}
		t := task{Step: Step{Src: n}}
		if older != nil && n.Size > client.MaxObjectsBody {
			if k := older(e); k.Size > 0 {
				t.Dst = &Node{Kind: proto.KindFile, Size: k.Size, Hash: k.Hash, Hashed: true}
			}
		}
		all = append(all, t)
	}
	return all
}

// settled is false: that a file holds what it held before is for the names' owner to say.
func (s *sentContents) settled(task, client.Hash) bool { return false }

func (s *sentContents) putNames(ctx context.Context, b *batch) error {
	if err := b.wait(ctx); err != nil {
		return err
	}
	list := make([]mirror.Sent, len(b.items))
	for i := range b.items {
		list[i].Local = s.entries[b.items[i].Src]
		if code := b.refusal(b.items[i].hash); code != client.OK {
			list[i].Err = client.NewError("send", code, "the server refused its content")
		}
	}
	return tell(&s.moving, list, func(list []mirror.Sent) error {
		for i := range list {
			if list[i].Err == nil {
				takeRead(list[i].Local, b.items[i].Src, s.began)
			}
		}
		return s.each(list)
	})
}

func (s *sentContents) unreadable(n *Node, err error) {
	_ = tell(&s.moving, []mirror.Sent{{Local: s.entries[n], Err: meanwhile(err)}}, s.each)
}

// Fetch is mirror.Contents's.
func (c *Contents) Fetch(parent context.Context, list []mirror.Wanted, each func([]mirror.Fetched) error) error {
	if len(list) == 0 {
		return parent.Err()
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	g := &gotContents{moving: moving{at: c.folder.at, progress: c.o.Progress, ctx: ctx, fail: cancel}, each: each, temps: &c.folder.temps,
		wanted: make(map[*Node]mirror.Wanted, len(list)), opened: make(map[string]func())}
	in := receiver{
		receiving: g, Server: c.o.Server, Dir: c.folder.dir, at: c.folder.at, temps: &c.folder.temps, progress: c.o.Progress, fail: cancel,
	}
	steps := g.steps(list)
	for i := range steps {
		c.o.Progress.found(steps[i].Src.Size)
	}
	c.o.Progress.Planned.Store(true)
	in.fetch(ctx, steps)
	g.close()
	return context.Cause(ctx)
}

// gotContents is one Fetch.
type gotContents struct {
	moving
	each   func([]mirror.Fetched) error
	temps  *temps
	wanted map[*Node]mirror.Wanted

	opening sync.Mutex
	opened  map[string]func() // folders that are ours and were read-only, with what makes them so again
}

// steps makes steps of what is wanted, those of one folder neighbours as they were.
func (g *gotContents) steps(list []mirror.Wanted) []Step {
	top := new(Node)
	folders := map[string]*Node{"": top}
	all := make([]Step, 0, len(list))
	for _, w := range list {
		folder, name := cutPath(w.Path)
		parent := folders[folder]
		if parent == nil {
			parent = &Node{Name: folder, Parent: top, Kind: proto.KindFolder}
			folders[folder] = parent
		}
		r := w.Remote
		s := Step{Src: &Node{Name: name, Parent: parent, Kind: r.Kind, Hash: r.Hash, Hashed: true, Size: r.Size, Mode: r.Mode & 0o777, Mtime: r.Mtime}}
		g.wanted[s.Src] = w
		if err := g.fetchable(w); err != nil {
			g.missed(s, "", err)
			continue
		}
		if w.Over != nil {
			s.Dst = nodeOf(w.Over, name, parent)
		}
		all = append(all, s)
	}
	return all
}

// fetchable says what speaks against fetching something.
func (g *gotContents) fetchable(w mirror.Wanted) error {
	for part := range strings.SplitSeq(w.Path, "/") {
		if err := proto.CheckName(part); err != nil {
			return err
		}
		if strings.HasPrefix(part, tempPrefix) && !g.temps.made(part) { // a set is fetched below one of ours
			return errTempName
		}
	}
	if w.Remote.Kind != proto.KindFile && w.Remote.Kind != proto.KindLink {
		return fmt.Errorf("BUG: what is fetched is of kind %d", w.Remote.Kind)
	}
	if w.Over != nil && w.Over.Kind == proto.KindFolder {
		return mirror.ErrMeanwhile
	}
	return nil
}

// openFolder opens a folder for what is fetched into it. One that is ours but read-only is made writable until all is done.
func (g *gotContents) openFolder(n *Node, path *[]byte) (int, error) {
	*path = n.AppendPath((*path)[:0])
	fd, err := g.at.folder(string(*path))
	if err != nil {
		return fd, err
	}
	if unix.Faccessat(fd, ".", unix.W_OK, unix.AT_EACCESS) == nil {
		return fd, nil
	}
	g.opening.Lock()
	defer g.opening.Unlock()
	if g.opened[string(*path)] != nil {
		return fd, nil
	}
	keep, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return fd, nil // then what is to be written tells
	}
	restore, ok := unlockFolder(keep)
	if !ok {
		unix.Close(keep)
		return fd, nil
	}
	g.opened[string(*path)] = func() {
		restore()
		unix.Close(keep)
	}
	return fd, nil
}

func (g *gotContents) close() {
	for _, restore := range g.opened {
		restore()
	}
}

func (g *gotContents) named(list []written) {
	done := make([]mirror.Fetched, len(list))
	for i := range list {
		w := &list[i]
		done[i] = mirror.Fetched{Wanted: g.wanted[w.Src], Facts: reconcile.Facts{
			Size: w.now.size, Mtime: w.now.mtime, Ctime: w.now.ctime, Ino: w.now.ino, Born: w.now.born,
		}}
		if w.Src.Kind == proto.KindLink {
			done[i].Facts.Size = w.Src.Size
		}
	}
	_ = tell(&g.moving, done, g.each)
}

func (g *gotContents) missed(s Step, doing string, err error) {
	if full := fullDisk(err); full != nil {
		g.fail(full)
		return
	}
	err = meanwhile(err)
	if doing != "" && !errors.Is(err, mirror.ErrMeanwhile) {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	_ = tell(&g.moving, []mirror.Fetched{{Wanted: g.wanted[s.Src], Err: err}}, g.each)
}

package syncer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// PushOptions say what to push where.
type PushOptions struct {
	Common
	// HashFirst reads every large file once before it is sent, to ask whether its content is there already. Without it that
	// is done only for files of which a few ranges are those of a content of this account.
	HashFirst bool
	// Records remembers hashes between runs with Checksum; may be nil.
	Records *Records
}

// Push makes the server's folder hold what the local folder holds. Totals are valid with an error too.
func Push(ctx context.Context, o PushOptions) (*Totals, error) {
	p := &pusher{PushOptions: o, tally: newTally(&o.Common), began: time.Now(), own: &own{Server: o.Server}}
	p.Server = p.own
	err := p.run(ctx)
	p.keepView()
	p.totals.Took = time.Since(p.began)
	sortProblems(p.totals.Problems)
	if err == nil {
		err = p.totals.Err()
	}
	return &p.totals, err
}

// pusher is one push under way.
type pusher struct {
	PushOptions
	*tally
	began time.Time
	at    *beneath
	local *scanned
	where *place
	there *view // the server's tree; nil: the folder is missing
	own   *own  // the server, seen by this push
	empty bool  // the account holds nothing at all, so nothing can be there already

	plan *Plan

	folders folders
	changes sets
}

func (p *pusher) run(ctx context.Context) error {
	at, err := openLocal(p.Dir)
	if err != nil {
		return err
	}
	p.at = at
	defer at.close()
	if err := p.look(ctx); err != nil {
		return err
	}
	if p.Checksum && p.Records != nil {
		known, err := p.Records.All()
		if err != nil {
			return err
		}
		recall(&p.local.root, known)
	}
	p.plan = Compare(&p.local.root, p.there.tree(), Rules{
		Delete:     p.Delete,
		TrustTimes: !p.Checksum,
		KeepRoot:   len(p.Path) == 0,
	})
	stop := guard(p.plan, &p.local.root, p.MaxDelete, p.Sure)
	if stop != nil && !p.DryRun {
		return stop
	}
	p.planned(p.plan, p.local.problems)
	if p.DryRun {
		p.dryRun(p.plan)
		return stop
	}
	if p.stopped() {
		return ErrInterrupted
	}
	if p.there.tree().holdsNone() && len(p.plan.Files) > 0 {
		if q, err := p.Server.Quota(ctx); err == nil {
			p.empty = q.Used == 0 && q.Held == 0
		}
	}
	return p.carryOut(ctx)
}

// keepView remembers the server's tree as it is after this push, or at least as it was before.
func (p *pusher) keepView() {
	switch {
	case p.plan == nil:
	case p.there != nil:
		top := p.where.last()
		if now := p.own.after(p.there, top); now != nil {
			p.keep(now)
		} else {
			p.keep(p.there)
		}
	default:
		if id, ok := p.folders.id(&p.local.root); ok {
			top := client.Entry{Node: id, Kind: proto.KindFolder}
			before := &view{epoch: p.where.epoch, journal: p.where.journal, root: &Node{ID: id, Kind: proto.KindFolder}}
			p.keep(p.own.after(before, top))
		}
	}
}

// openLocal opens the folder that is pushed.
func openLocal(dir string) (*beneath, error) {
	at, err := openBeneath(dir)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, coded(client.ExitNotFound, "%s: there is no such folder", Terminal(dir))
	case errors.Is(err, unix.ENOTDIR):
		return nil, coded(client.ExitUsage, "%s is not a folder: send a single file with `sluice put`", Terminal(dir))
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", Terminal(dir), err)
	}
	return at, nil
}

// look reads both trees at the same time.
func (p *pusher) look(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	group.Go(func() {
		var err error
		if p.local, err = scan(ctx, p.at, p.Filter); err != nil {
			cancel(err)
		}
	})
	group.Go(func() {
		var err error
		if p.where, err = folderAt(ctx, p.Server, p.Path); err != nil {
			cancel(err)
			return
		}
		if len(p.where.missing) > 0 {
			return
		}
		if p.there, err = p.view(ctx, p.where); err != nil {
			cancel(err)
			return
		}
		markExcluded(p.there.root, p.Filter)
	})
	group.Wait()
	return context.Cause(ctx)
}

// carryOut does what the plan says: what is in the way first, then folders, files beside them, deletes last.
func (p *pusher) carryOut(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	if p.Stop != nil {
		go p.watchStop(ctx, cancel)
	}
	p.folders.init()
	p.changes.p = p

	if err := p.remove(ctx, p.plan.Clear); err != nil {
		return err
	}
	var group sync.WaitGroup
	group.Go(func() {
		defer p.folders.finish()
		if err := p.makeFolders(ctx); err != nil {
			cancel(err)
		}
	})
	contents := sender{
		sending: p, Server: p.Server, HashFirst: p.HashFirst, Run: p.Run, Stop: p.Stop,
		at: p.at, progress: p.progress, empty: p.empty, fail: cancel,
	}
	small, large := split(p.tasks())
	contents.send(ctx, small, large)
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if p.stopped() {
		return ErrInterrupted
	}
	for _, s := range p.plan.Sets {
		p.changes.add(s)
	}
	for _, f := range p.plan.Folders {
		if f.Dst != nil && f.Differs {
			p.changes.add(f)
		}
	}
	if err := p.changes.send(ctx); err != nil {
		return err
	}
	if err := p.remove(ctx, p.plan.Deletes); err != nil {
		return err
	}
	return p.remember()
}

// tasks are the files of the plan.
func (p *pusher) tasks() []task {
	all := make([]task, 0, len(p.plan.Files)+len(p.plan.Checks))
	for i, list := range [2][]Step{p.plan.Files, p.plan.Checks} {
		for _, s := range list {
			all = append(all, task{Step: s, check: i == 1})
		}
	}
	return all
}

// split sorts files by how they travel.
func split(all []task) (small, large []task) {
	small = make([]task, 0, len(all))
	for _, t := range all {
		if t.Src.Size > client.MaxObjectsBody {
			large = append(large, t)
		} else {
			small = append(small, t)
		}
	}
	return small, large
}

// task is a file or link to be sent.
type task struct {
	Step
	check bool // of equal size: send it only if the content differs
}

// readers is how many goroutines read and hash small files: a core each, but no more than help a disk.
func readers() int { return min(max(2, runtime.GOMAXPROCS(0)), 8) }

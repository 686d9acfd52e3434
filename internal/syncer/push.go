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
	// Hashes remembers what the local files held.
	Hashes Hashes
}

// Push makes the server's folder hold what the local folder holds. Totals are valid with an error too.
func Push(ctx context.Context, o PushOptions) (*Totals, error) {
	p := &pusher{PushOptions: o, tally: newTally(&o.Common), began: time.Now(), own: &own{Server: o.Server}}
	p.Server = p.own
	err := p.run(ctx)
	p.keepView()
	p.remember()
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

	plan   *Plan
	memory *memory // nil: nothing had to be known of what the files hold

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
	if p.Checksum {
		p.recallAll()
	}
	p.compare()
	stop := guard(p.plan, &p.local.root, p.MaxDelete, p.Sure)
	if stop != nil && !p.DryRun {
		return stop
	}
	if p.DryRun {
		p.planned(p.plan, p.local.problems)
		p.dryRun(p.plan)
		return stop
	}
	if p.stopped() {
		return ErrInterrupted
	}
	for {
		some, all, err := p.copyKnown(ctx)
		if err != nil {
			return err
		}
		if all {
			p.plan.Files = nil
			p.planned(p.plan, p.local.problems)
			p.tellCopied(&p.local.root)
			return nil
		}
		if !some {
			break
		}
		if err := p.lookAgain(ctx); err != nil {
			return err
		}
	}
	p.planned(p.plan, p.local.problems)
	p.tellCopied(&p.local.root)
	if p.there.tree().holdsNone() && len(p.plan.Files) > 0 {
		if q, err := p.Server.Quota(ctx); err == nil {
			p.empty = q.Used == 0 && q.Held == 0
		}
	}
	return p.carryOut(ctx)
}

// compare makes the plan.
func (p *pusher) compare() {
	p.plan = Compare(&p.local.root, p.there.tree(), Rules{
		Delete:     p.Delete,
		TrustTimes: !p.Checksum,
		KeepRoot:   len(p.Path) == 0,
	})
}

// lookAgain makes the plan anew, after the server has copied something.
func (p *pusher) lookAgain(ctx context.Context) error {
	p.own = &own{Server: p.own.Server} // what was changed so far is in what is listed now
	p.Server = p.own
	if err := p.lookThere(ctx); err != nil {
		return err
	}
	p.compare()
	return nil
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
		if err := p.lookThere(ctx); err != nil {
			cancel(err)
		}
	})
	group.Wait()
	return context.Cause(ctx)
}

// lookThere reads the server's tree.
func (p *pusher) lookThere(ctx context.Context) (err error) {
	if p.where, err = folderAt(ctx, p.Server, p.Path); err != nil || len(p.where.missing) > 0 {
		return err
	}
	if p.there, err = p.view(ctx, p.where); err != nil {
		return err
	}
	markExcluded(p.there.root, p.Filter)
	return nil
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
	known, others := p.tasks()
	small, large := split(append(others, contents.sendKnown(ctx, known)...))
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
	return p.remove(ctx, p.plan.Deletes)
}

// tasks are the files of the plan. Of some the hash is known, so that they need not be read if the server holds their content.
func (p *pusher) tasks() (known, others []task) {
	if len(p.plan.Files)+len(p.plan.Checks) > 0 {
		p.recallAll()
	}
	others = make([]task, 0, len(p.plan.Files)+len(p.plan.Checks))
	for i, list := range [2][]Step{p.plan.Files, p.plan.Checks} {
		for _, s := range list {
			t := task{Step: s, check: i == 1}
			if !p.empty && s.Src.Hashed && s.Src.Kind == proto.KindFile {
				known = append(known, t)
			} else {
				others = append(others, t)
			}
		}
	}
	return known, others
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

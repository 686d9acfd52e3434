package syncer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/state"
)

// PullOptions say what to pull where.
type PullOptions struct {
	Common
	// Records remembers what the local files hold; without it all files of equal size are read again. May be nil.
	Records *Records
}

// Pull makes the local folder hold what the server's folder holds. Totals are valid with an error too.
func Pull(ctx context.Context, o PullOptions) (*Totals, error) {
	p := &puller{PullOptions: o, tally: newTally(&o.Common), began: time.Now()}
	err := p.run(ctx)
	p.totals.Took = time.Since(p.began)
	sortProblems(p.totals.Problems)
	if err == nil {
		err = p.totals.Err()
	}
	return &p.totals, err
}

// puller is one pull under way.
type puller struct {
	PullOptions
	*tally
	began time.Time
	at    *beneath // nil: a dry run into a folder that is not there
	local *scanned
	root  *Node // the server's tree
	known map[string]state.File

	plan  *Plan
	temps temps

	mu      sync.Mutex
	touched map[*Node]bool // folders of the server's tree in whose local peer something was changed
	lost    map[*Node]bool // folders of the server's tree that could not be made here
	records []state.Saved  // not yet written
	gone    []string       // records to be dropped
}

func (p *puller) run(ctx context.Context) error {
	if err := p.openTarget(); err != nil {
		return err
	}
	if p.at != nil {
		defer p.at.close()
		if !p.DryRun {
			if err := lockFolder(p.at, p.Dir); err != nil {
				return err
			}
		}
	}
	if err := p.look(ctx); err != nil {
		return err
	}
	var local *Node
	var problems []Problem
	if p.local != nil {
		local, problems = &p.local.root, p.local.problems
		if !p.DryRun {
			sweep(ctx, p.at, p.local.leftover)
		}
		recall(local, p.known)
	}
	p.plan = Compare(p.root, local, Rules{Delete: p.Delete, KeepRoot: len(p.Path) == 0})
	stop := guard(p.plan, p.root, p.MaxDelete, p.Sure)
	if stop != nil && !p.DryRun {
		return stop
	}
	p.planned(p.plan, problems)
	if p.DryRun {
		p.dryRun(p.plan)
		return stop
	}
	if p.stopped() {
		return ErrInterrupted
	}
	return p.carryOut(ctx)
}

// openTarget opens the local folder and makes it if need be.
func (p *puller) openTarget() error {
	at, err := openBeneath(p.Dir)
	if errors.Is(err, unix.ENOENT) && !p.DryRun {
		if err := os.MkdirAll(p.Dir, 0o777); err != nil {
			return fmt.Errorf("make the folder: %w", err)
		}
		at, err = openBeneath(p.Dir)
	}
	switch {
	case errors.Is(err, unix.ENOENT) && p.DryRun:
		return nil
	case errors.Is(err, unix.ENOTDIR):
		return coded(client.ExitUsage, "%s is not a folder: fetch a single file with `sluice get`", Terminal(p.Dir))
	case err != nil:
		return fmt.Errorf("open %s: %w", Terminal(p.Dir), err)
	}
	p.at = at
	return nil
}

// look reads both trees, and what is recorded of the local one, at the same time.
func (p *puller) look(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	if p.at != nil {
		group.Go(func() {
			var err error
			if p.local, err = scan(ctx, p.at, p.Filter); err != nil {
				cancel(err)
			}
		})
	}
	if p.at != nil && p.Records != nil {
		group.Go(func() {
			var err error
			if p.known, err = p.Records.All(); err != nil {
				cancel(err)
			}
		})
	}
	group.Go(func() {
		if err := p.lookRemote(ctx); err != nil {
			cancel(err)
		}
	})
	group.Wait()
	return context.Cause(ctx)
}

func (p *puller) lookRemote(ctx context.Context) error {
	where, err := lookUp(ctx, p.Server, p.Path)
	if err != nil {
		return err
	}
	name := Terminal(strings.Join(p.Path, "/"))
	if len(where.missing) > 0 {
		return coded(client.ExitNotFound, "%s: there is no such folder on the server", name)
	}
	if where.last().Kind != proto.KindFolder {
		return coded(client.ExitUsage, "%s on the server is a file: fetch it with `sluice get`", name)
	}
	there, err := p.view(ctx, where)
	if err != nil {
		return err
	}
	p.keep(there)
	p.root = there.root
	markExcluded(p.root, p.Filter)
	return nil
}

// cutPath cuts a relative path into its folder and its last name.
func cutPath(rel string) (folder, name string) {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		return rel[:i], rel[i+1:]
	}
	return "", rel
}

// carryOut does what the plan says. Nothing is deleted before all else is done, save what is in the way.
func (p *puller) carryOut(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	if p.Stop != nil {
		go p.watchStop(ctx, cancel)
	}
	p.touched = make(map[*Node]bool)
	p.lost = make(map[*Node]bool)
	p.temps.init()

	p.removeLocal(p.plan.Clear)
	p.makeLocal()
	files := append(p.plan.Files, p.check(ctx)...)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	fetch := receiver{
		receiving: p, Server: p.Server, Run: p.Run, Stop: p.Stop, Dir: p.Dir,
		at: p.at, temps: &p.temps, progress: p.progress, fail: cancel,
	}
	fetch.fetch(ctx, files)
	err := context.Cause(ctx)
	if err == nil && p.stopped() {
		err = ErrInterrupted
	}
	if err == nil {
		for _, s := range p.plan.Sets {
			p.setLocal(s)
		}
		p.removeLocal(p.plan.Deletes)
	}
	p.finishFolders()
	if e := p.remember(); err == nil {
		err = e
	}
	return err
}

// touch notes that something in a folder was changed, so that its time must be set again.
func (p *puller) touch(n *Node) {
	p.mu.Lock()
	p.touched[n] = true
	p.mu.Unlock()
}

// problemAt reports what failed with a name.
func (p *puller) problemAt(n *Node, doing string, err error) {
	p.problem(Problem{Path: n.Path(), Reason: doing + ": " + err.Error(), Err: err})
}

// remember writes the records.
func (p *puller) remember() error {
	if p.Records == nil {
		return nil
	}
	if err := p.Records.Forget(p.gone); err != nil {
		return err
	}
	err := p.Records.Save(p.records)
	p.records, p.gone = nil, nil
	return err
}

package syncer

import (
	"sync"
)

// tally gathers totals, problems and events from several goroutines.
type tally struct {
	mu       sync.Mutex
	totals   Totals
	events   func(Event)
	progress *Progress
}

func newTally(c *Common) *tally {
	t := &tally{events: c.Events, progress: c.Progress}
	if t.progress == nil {
		t.progress = new(Progress)
	}
	return t
}

// file tells that a file or link was sent, was there already or was set.
func (t *tally) file(what What, n *Node) {
	t.mu.Lock()
	switch what {
	case Sent:
		t.totals.Sent++
		t.totals.SentBytes += n.Size
	case Instant:
		t.totals.Instant++
		t.totals.InstantBytes += n.Size
	case Set:
		t.totals.Set++
	case Unchanged:
		t.totals.Unchanged++
		t.totals.UnchangedBytes += n.Size
	}
	if t.events != nil && what != Unchanged {
		t.events(Event{What: what, Path: n.Path(), Size: n.Size})
	}
	t.mu.Unlock()
}

// saved tells of bytes of files that were sent but did not travel: the other side had them, or they are holes.
func (t *tally) saved(copied, holes, resumed int64) {
	t.mu.Lock()
	t.totals.CopiedBytes += copied
	t.totals.HoleBytes += holes
	t.totals.ResumedBytes += resumed
	t.mu.Unlock()
}

// folder tells that a folder was made or set.
func (t *tally) folder(what What, n *Node) {
	t.mu.Lock()
	if what == Made {
		t.totals.Folders++
	} else {
		t.totals.Set++
	}
	if t.events != nil {
		t.events(Event{What: what, Path: n.Path(), Folder: true})
	}
	t.mu.Unlock()
}

// deleted tells that n and all below it are gone.
func (t *tally) deleted(n *Node) {
	files, bytes := n.count()
	t.mu.Lock()
	t.totals.Deleted += int64(files)
	if t.events != nil {
		t.events(Event{What: Deleted, Path: n.Path(), Folder: n.IsFolder(), Size: bytes})
	}
	t.mu.Unlock()
}

// problem tells that a name was not done.
func (t *tally) problem(p Problem) {
	t.mu.Lock()
	t.totals.Problems = append(t.totals.Problems, p)
	if t.events != nil {
		what := Failed
		switch {
		case p.Conflict:
			what = Conflicts
		case p.Skipped:
			what = Skipped
		}
		t.events(Event{What: what, Path: p.Path, Reason: p.Reason})
	}
	t.mu.Unlock()
}

// planned takes over what the plan alone decides.
func (t *tally) planned(p *Plan, problems []Problem) {
	t.mu.Lock()
	t.totals.Unchanged += p.Unchanged
	t.totals.UnchangedBytes += p.UnchangedBytes
	t.totals.Excluded += p.Excluded
	t.mu.Unlock()
	for _, list := range [2][]Problem{problems, p.Blocked} {
		for _, one := range list {
			t.problem(one)
		}
	}
	for _, list := range [2][]Step{p.Files, p.Checks} {
		for i := range list {
			t.progress.found(list[i].Src.Size)
		}
	}
	t.progress.Planned.Store(true)
}

// tellCopied tells of what the server has copied below n, and of n.
func (t *tally) tellCopied(n *Node) {
	switch {
	case !n.Copied:
	case n.IsFolder():
		t.folder(Made, n)
	default:
		t.progress.found(n.Size)
		t.progress.Done.Add(1)
		t.progress.DoneBytes.Add(n.Size)
		t.file(Instant, n)
	}
	for i := range n.Children {
		t.tellCopied(&n.Children[i])
	}
}

// dryRun tells what would be done.
func (t *tally) dryRun(p *Plan) {
	for _, n := range p.Clear {
		t.deleted(n)
	}
	for _, f := range p.Folders {
		switch {
		case f.Dst == nil && f.Src.Parent != nil:
			t.folder(Made, f.Src)
		case f.Dst != nil && f.Differs:
			t.folder(Set, f.Src)
		}
	}
	for _, list := range [2][]Step{p.Files, p.Checks} {
		for _, f := range list {
			t.file(Sent, f.Src)
		}
	}
	for _, f := range p.Sets {
		t.file(Set, f.Src)
	}
	for _, n := range p.Deletes {
		t.deleted(n)
	}
}

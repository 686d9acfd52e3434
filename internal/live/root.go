package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/mirror"
	"sluice/internal/state"
	"sluice/internal/watch"
)

const (
	daily     = 24 * time.Hour   // a scan of everything, whatever the events say
	blindTime = 30 * time.Second // between scans of folders that cannot be watched
	mostRetry = time.Hour        // until what failed is tried again
)

// Mirror makes the rounds; *mirror.Mirror is one.
type Mirror interface {
	// Run looks at everything, until nothing is left to do.
	Run(ctx context.Context) (*mirror.Result, error)
	// Round looks at the parts that changed here and at what the server tells.
	Round(ctx context.Context, parts []mirror.Part) (*mirror.Result, error)
}

// RootConfig is what a Root works with.
type RootConfig struct {
	Dir     string // absolute
	Remote  string // as home:docs
	State   *state.Sync
	Open    func(ctx context.Context) (Mirror, error) // called until it gives one: it may have to reach the server
	Skip    func(path string) bool                    // folders that are not to be watched
	News    <-chan struct{}                           // the server may have something new
	Network <-chan struct{}                           // the network changed
	Looked  func(r *mirror.Result)                    // after every look that ended well; may be nil
	Log     func(format string, args ...any)
}

// Root keeps one folder in step until it is ended.
type Root struct {
	RootConfig
	mirror  Mirror // nil: not opened yet
	changes chan watch.Change
	nudge   chan struct{}
	group   sync.WaitGroup // of follow

	mu      sync.Mutex
	watcher *watch.Watcher // nil: not to be had
	unseen  error          // why not

	state State // Syncing, Offline, Failing, Stopped; "": at rest
	why   string
	next  time.Time
	asked int64 // looks at everything that were asked for
	heard int64 // of them, those that have been made
	seen  int64 // changes the watcher told of
	done  int64 // of them, those that a look has taken up
	taken int64 // changes that the next look takes up; Run's own

	todo  work
	whole time.Time // when everything was last looked at
	away  pauses
}

// work is what is to be looked at.
type work struct {
	all   bool
	parts map[mirror.Part]bool
	news  bool
}

func (w *work) empty() bool { return !w.all && !w.news && len(w.parts) == 0 }

func (w *work) add(c watch.Change) {
	w.all = w.all || c.All
	for _, path := range c.Dirty {
		w.part(mirror.Part{Path: path})
	}
	for _, path := range c.Names {
		w.part(mirror.Part{Path: path, Name: true})
	}
	for _, path := range c.Deep {
		w.part(mirror.Part{Path: path, Deep: true})
	}
}

func (w *work) part(p mirror.Part) {
	if w.parts == nil {
		w.parts = make(map[mirror.Part]bool)
	}
	w.parts[p] = true
}

func (w *work) list() []mirror.Part {
	return slices.SortedFunc(maps.Keys(w.parts), func(a, b mirror.Part) int {
		if a.Path != b.Path {
			if a.Path < b.Path {
				return -1
			}
			return 1
		}
		if a.Deep != b.Deep {
			if a.Deep {
				return -1
			}
			return 1
		}
		if a.Name == b.Name {
			return 0
		}
		if b.Name {
			return -1
		}
		return 1
	})
}

// NewRoot begins to watch; Run keeps in step.
func NewRoot(c RootConfig) *Root {
	r := &Root{RootConfig: c, nudge: make(chan struct{}, 1), changes: make(chan watch.Change), state: Syncing, todo: work{all: true}}
	r.watcher, r.unseen = watch.Open(c.Dir, watch.Options{Skip: c.Skip})
	return r
}

// watching is what watches; nil: nothing does.
func (r *Root) watching() *watch.Watcher {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watcher
}

// watch begins to watch a folder that could not be watched before: a disk may be mounted by now. What changed until then
// was not told, so all is to be looked at.
func (r *Root) watch(ctx context.Context) {
	if r.watching() != nil {
		return
	}
	w, err := watch.Open(r.Dir, watch.Options{Skip: r.Skip})
	r.mu.Lock()
	r.watcher, r.unseen = w, err
	r.mu.Unlock()
	if err == nil {
		r.Log("%s is watched from now on", r.Dir)
		r.todo.all = true
		r.group.Go(func() { r.follow(ctx, w) })
		r.tellBlind()
	}
}

// Nudge has everything looked at once more, at once.
func (r *Root) Nudge() {
	r.mu.Lock()
	r.asked++
	r.mu.Unlock()
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// Run keeps the folder in step until ctx ends, which is no error, or a person has to look.
func (r *Root) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer r.group.Wait()
	defer cancel()
	if w := r.watching(); w != nil {
		r.group.Go(func() { r.follow(ctx, w) })
	}
	r.tellBlind()
	for {
		var wait time.Duration
		if !r.todo.empty() {
			var err error
			if wait, err = r.look(ctx); err != nil {
				r.set(Stopped, err.Error(), time.Time{})
				return err
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := r.sleep(ctx, wait); err != nil {
			return nil
		}
	}
}

// follow hands on what the watcher tells, and closes it in the end.
func (r *Root) follow(ctx context.Context, w *watch.Watcher) {
	defer w.Close()
	for {
		c, err := w.Next(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.lost(ctx, err)
			}
			return
		}
		if c.All {
			r.Log("%s: the system did not tell all that was changed: all of it is scanned", r.Dir)
		}
		r.mu.Lock()
		r.seen++
		r.mu.Unlock()
		select {
		case r.changes <- c:
		case <-ctx.Done():
			return
		}
	}
}

// lost has all looked at, and watched anew: why is what the watcher ended with.
func (r *Root) lost(ctx context.Context, why error) {
	r.Log("%s is no longer watched: %v", r.Dir, why)
	r.mu.Lock()
	r.watcher, r.unseen = nil, why
	r.seen++
	r.mu.Unlock()
	select {
	case r.changes <- watch.Change{All: true}:
	case <-ctx.Done():
	}
}

// look makes one look at what is to be looked at. wait is how long until it is to be repeated, 0: until something
// happens. An error is one that ends the root.
func (r *Root) look(ctx context.Context) (wait time.Duration, err error) {
	r.set(Syncing, "", time.Time{})
	r.watch(ctx)
	r.mu.Lock()
	asked := r.asked
	r.todo.all = r.todo.all || asked > r.heard
	r.mu.Unlock()
	all := r.todo.all
	result, err := r.work(ctx, all)
	var stop *mirror.SafetyError
	switch code := client.ExitCode(err); {
	case ctx.Err() != nil:
		return 0, nil
	case err == nil:
	case errors.As(err, &stop), code == client.ExitAuth:
		return 0, err
	default: // what was to be looked at still is
		wait = r.away.next()
		state := Failing
		if code == client.ExitTemporary {
			state = Offline
		}
		r.set(state, err.Error(), time.Now().Add(wait))
		r.Log("%s: %v; trying again in %s", r.Dir, err, wait.Round(time.Second))
		return wait, nil
	}
	if r.away.tries > 0 {
		r.Log("%s: going on", r.Dir)
	}
	r.away.reset()
	r.todo = work{}
	if all {
		r.whole = time.Now()
		debug.FreeOSMemory() // all names were in memory, and are not for a day
	}
	r.mu.Lock()
	r.done = r.taken
	r.heard = asked
	r.mu.Unlock()
	if r.Looked != nil {
		r.Looked(result)
	}
	return r.retry()
}

// retry says how long until what failed is tried again, whether the last look was at it or not; 0: nothing did.
func (r *Root) retry() (wait time.Duration, err error) {
	problems, err := r.State.Problems()
	if err != nil {
		return 0, err
	}
	state, first := State(""), time.Time{}
	for _, p := range problems {
		if p.Skipped {
			continue
		}
		if at := at(p.Retry); first.IsZero() || at.Before(first) {
			first = at
		}
		if state == "" {
			state = Pending
		}
		if !mirror.Waits(p.Reason) {
			state = Failing
		}
	}
	if state != "" { // a clock that was put back must not make it wait for years
		wait = min(max(time.Until(first), 0), mostRetry) + 50*time.Millisecond
		first = time.Now().Add(wait)
	}
	r.set(state, "", first)
	return wait, nil
}

func (r *Root) work(ctx context.Context, all bool) (*mirror.Result, error) {
	if r.mirror == nil {
		var err error
		if r.mirror, err = r.Open(ctx); err != nil {
			r.mirror = nil
			return nil, err
		}
	}
	if all {
		return r.mirror.Run(ctx)
	}
	return r.mirror.Round(ctx, r.todo.list())
}

// sleep waits until there is something to be looked at. wait 0: as long as it takes.
func (r *Root) sleep(ctx context.Context, wait time.Duration) error {
	retry := timer(wait)
	defer retry.Stop()
	rescan := time.NewTimer(max(time.Until(r.whole.Add(daily)), time.Second))
	defer rescan.Stop()
	var blind *time.Timer
	if len(r.blind()) > 0 {
		blind = time.NewTimer(blindTime)
	} else {
		blind = timer(0)
	}
	defer blind.Stop()
	offline := wait > 0 && !r.todo.empty()
	network := r.Network
	if !offline {
		network = nil
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-retry.C:
			r.todo.all = true
		case <-network:
			r.away.reset()
		case <-rescan.C:
			r.todo.all = true
		case <-r.nudge:
			r.todo.all = true
		case c := <-r.changes:
			r.todo.add(c)
			r.taken++
			if offline { // it is taken up with the rest
				continue
			}
		case <-r.News:
			r.todo.news = true
		case <-blind.C:
			for path := range r.blind() {
				r.todo.part(mirror.Part{Path: path, Deep: true})
			}
		}
		return nil
	}
}

// timer is a timer that never fires for 0.
func timer(d time.Duration) *time.Timer {
	if d == 0 {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTimer(d)
}

// blind are the folders that cannot be watched, by their paths, and why.
func (r *Root) blind() map[string]error {
	r.mu.Lock()
	w, why := r.watcher, r.unseen
	r.mu.Unlock()
	if w == nil {
		return map[string]error{"": why}
	}
	return w.Unwatched()
}

func (r *Root) tellBlind() {
	full := 0
	for path, err := range r.blind() {
		if errors.Is(err, unix.ENOSPC) {
			full++
			continue
		}
		r.Log("%s cannot be watched, and is scanned every %s: %v", filepath.Join(r.Dir, path), blindTime, err)
	}
	if full > 0 {
		r.Log("%s: %s", r.Dir, outOfWatches(full))
	}
}

// outOfWatches says what to do when the user's watches are used up.
func outOfWatches(folders int) string {
	limit := watch.Limit()
	return fmt.Sprintf("%d folders cannot be watched and are scanned every %s, as all %d watches of this user are taken; more with: "+
		"sysctl fs.inotify.max_user_watches=%d", folders, blindTime, limit, max(2*limit, 524288))
}

func (r *Root) set(s State, why string, next time.Time) {
	r.mu.Lock()
	r.state, r.why, r.next = s, why, next
	r.mu.Unlock()
}

// Report tells how it is. It may be called by any goroutine.
func (r *Root) Report() (*Report, error) {
	report, err := Remembered(r.State)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	state, why, next, pending, w := r.state, r.why, r.next, r.seen != r.done, r.watcher
	report.Asked, report.Heard = r.asked, r.heard
	r.mu.Unlock()
	if w != nil {
		report.Watched = w.Folders()
		pending = pending || w.Unsettled()
	}
	switch {
	case state != "":
		report.State, report.Why, report.Next = state, why, next
	case pending && report.State == InSync:
		report.State = Syncing
	}
	blind := r.blind()
	full := 0
	for _, path := range slices.Sorted(maps.Keys(blind)) {
		report.Blind = append(report.Blind, Problem{Path: path, Reason: blind[path].Error()})
		if errors.Is(blind[path], unix.ENOSPC) {
			full++
		}
	}
	if full > 0 && report.Why == "" {
		report.Why = outOfWatches(full)
	}
	return report, nil
}

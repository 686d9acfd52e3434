package mirror

import (
	"context"
	"errors"
	"time"

	"sluice/internal/client"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// Memory is what is remembered from one run to the next; *state.Sync is one. What Apply has returned from is kept.
type Memory interface {
	Root() (state.SyncRoot, error)
	Nodes(each func(n *state.SyncNode)) error
	Node(id int64) (n state.SyncNode, found bool, err error)
	Child(parent int64, name string) (n state.SyncNode, found bool, err error)
	Children(parent int64, each func(n *state.SyncNode)) error
	ByIno(ino uint64, each func(n *state.SyncNode)) error
	News(each func(n *state.SyncNews)) error
	NewsOf(id int64) (n state.SyncNews, found bool, err error)
	Sent() ([]state.SyncSent, error)
	Aloft() ([]state.SyncKey, error)
	Problems() ([]state.SyncProblem, error)
	Conflicts() ([]state.SyncConflict, error)
	Count() (nodes, news int64, err error)
	Apply(b *state.SyncBatch) error
}

// Config is what a Mirror works with. All of it belongs to the caller, who closes it after the last call.
type Config struct {
	Folder   Folder
	Contents Contents
	Server   Server
	State    Memory
	Device   string           // in conflict names; empty: as it was recorded first
	Now      func() time.Time // for labels and pauses only, never for an order; nil: the system's
	Options  Options
	Sleep    func(ctx context.Context, d time.Duration) error // for Run, to wait for sets that are not quiet yet; nil: it does not
	Beside   func(do func()) (wait func())                    // starts do, which uses State and Server beside other calls; nil: in a goroutine
	Events   func(Event)                                      // called as things are done, from the goroutine that called Run; may be nil
}

// Options are what a user can ask for.
type Options struct {
	Limit    reconcile.Limit // of deletes; Sure: all safety stops were seen, and are to be passed
	Sets     []string        // names of folders that are one thing with all they hold
	Quiet    time.Duration   // how long a set must have been left alone before it is sent
	Batch    int             // how many changes go in one commit; 0: as many as the server takes
	SetBatch int             // how many changes of a set go in one commit; 0: 900
	Rules    string          // the name of the files that say what is left alone; one that changes here has all looked at again
}

// Event tells of one thing that was done, or could not be.
type Event struct {
	Do   string // what was done, see words
	Path string // relative to the root
	From string // of a move
	Size int64  // bytes of the content, if one was moved
	Why  string // the rule that decided
	Err  error  // it could not be done
}

// Mirror keeps one folder the same as one of the server. Its methods are called by one goroutine at a time.
type Mirror struct {
	Config
	root   state.SyncRoot
	ready  bool          // both folders were found in this life
	whole  bool          // the server was listed anew: parts do not tell what that means for what is here
	waits  time.Duration // until the sets that were not quiet are
	result *Result

	own own // what the journal is known to tell past its number

	// What was done here is durable, what a life before this one did too. Before, nothing is recorded that relies on it.
	durable bool
}

// Open makes a Mirror of what is remembered. It asks nobody else yet.
func Open(c Config) (*Mirror, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	if c.Beside == nil {
		c.Beside = beside
	}
	if c.Options.Batch == 0 {
		c.Options.Batch = client.MaxBatch
	}
	m := &Mirror{Config: c}
	var err error
	if m.root, err = c.State.Root(); err != nil {
		return nil, err
	}
	m.own.reach = m.root.Journal
	if c.Device != "" {
		m.root.Device = c.Device
	}
	if m.root.Device == "" {
		return nil, errors.New("BUG: a device without a name")
	}
	return m, nil
}

// maxRounds bounds a run: what is refused so often keeps changing.
const maxRounds = 10

// maxSleep is how long a Run waits for sets to become quiet.
const maxSleep = 30 * time.Second

// Run makes both sides the same: rounds until nothing is left. The Result is never nil and tells what was done also
// where the error ended it; without an error its ExitCode may still be one.
func (m *Mirror) Run(ctx context.Context) (*Result, error) {
	m.begin()
	return m.result, m.run(ctx)
}

// run makes rounds of all.
func (m *Mirror) run(ctx context.Context) error {
	slept := time.Duration(0)
	for rounds := 0; rounds < maxRounds; {
		again, err := m.round(ctx, func() (*round, error) { return m.look(ctx) })
		if err != nil {
			return err
		}
		switch d := m.waits + time.Second/20; {
		case again:
			rounds++
		case m.waits > 0 && m.Sleep != nil && slept < maxSleep:
			if err := m.Sleep(ctx, d); err != nil {
				return err
			}
			slept += d
		default:
			m.whole = false
			return m.finish(nil)
		}
	}
	m.problem(Problem{Reason: "files keep changing, here or on the server", Err: ErrMeanwhile})
	return m.finish(nil)
}

// Round is Run where it is known where to look: at the parts here, and at what the server tells. What cannot be told
// by parts alone is looked at as a whole.
func (m *Mirror) Round(ctx context.Context, parts []Part) (*Result, error) {
	m.begin()
	if !m.ready || !m.root.Listed {
		return m.result, m.run(ctx)
	}
	for range maxParts {
		var seen *partial
		again, err := m.round(ctx, func() (r *round, err error) {
			r, seen, err = m.lookAt(ctx, parts)
			return r, err
		})
		switch {
		case errors.Is(err, errWhole):
			return m.result, m.run(ctx)
		case err != nil:
			return m.result, err
		case !again:
			return m.result, m.finish(seen.looked)
		}
	}
	return m.result, m.run(ctx)
}

// maxParts is how often parts are looked at again before all is.
const maxParts = 3

// begin begins the counts of a run.
func (m *Mirror) begin() { m.result = &Result{} }

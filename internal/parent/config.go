package parent

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/sirupsen/logrus"

	"sluice/internal/stats"
)

// Limits and times that are not configuration, each with its reason.
const (
	lockWait       = 5 * time.Second        // workers of a dead parent are gone by then
	beatLimit      = 10 * time.Second       // ten beats missed: the loop stands still, and all its connections with it
	startLimit     = 60 * time.Second       // from start to ready: cleaning up after a predecessor takes a while
	goneLimit      = 5 * time.Second        // from the end of a worker's channel to its own end
	disarm         = 100 * time.Millisecond // no descriptors: accepting again at once would only spin
	retryFull      = 5 * time.Millisecond   // a full hand-off queue is looked at no sooner
	backoffFrom    = 3                      // the third death in a row before ready: it will not be the last
	backoffLeast   = 50 * time.Millisecond
	backoffMost    = 2 * time.Second
	upgradeLimit   = 90 * time.Second // from a successor's start to its readiness
	bereftLimit    = 3 * time.Second  // the drain of a replaced server whose successor died: the next one waits 5 s for the lock
	statusEvery    = 5 * time.Second  // the service manager's status line is told no more often
	acceptsATurn   = 64               // then the workers' messages have their turn
	messagesATurn  = 256              // of one worker: a flood from one must not silence the others
	backlog        = 4096
	startUpTextMax = 64 << 10

	// DefaultMaxConnections is what an idle server can hold in about 64 MiB.
	DefaultMaxConnections = 16384
	// DefaultMaxUnknown is per address (for IPv6: per /64) before log-in: enough for a
	// client with many connections or an office behind one address, too few for one
	// address to use up the total.
	DefaultMaxUnknown = 256
	// DefaultDrainLimit is how long requests in flight may take to finish when the server stops.
	DefaultDrainLimit = 30 * time.Second
	// DefaultRetireLimit is how long they may take in a worker that has been replaced: nobody waits for it.
	DefaultRetireLimit = time.Hour
	// MaxWorkers is half of the page's slots: each worker can have a successor beside it.
	MaxWorkers = stats.Slots / 2
)

// Config is what a server is started with.
type Config struct {
	Listen       []string // host:port; a name stands for all its addresses
	Metrics      string   // host:port on loopback where counters are served by HTTP; empty: nowhere
	Data         string   // the data folder, created if it is missing
	Workers      int
	Version      string // for status
	Congestion   string // TCP_CONGESTION of the listeners; empty: the system's
	PlainAllowed bool   // plain TCP also beyond loopback

	MaxConnections       int // in total; more are closed as they come
	MaxUnknownPerAddress int // of these from one address, not logged in
	DrainLimit           time.Duration
	RetireLimit          time.Duration // of a worker that a reload or an upgrade has replaced

	// Sockets are listeners that came from the service manager; they take the place of Listen. The parent owns them.
	Sockets []int
	// Notify tells the service manager a state; it may block. nil: there is none.
	Notify func(state string)
	// Watchdog is how long the service manager waits for a sign of life; 0: it does not.
	Watchdog time.Duration

	// Command makes the command of the worker in a slot; the parent adds fd 3, fd 4 and
	// a process group of its own, so that the terminal's interrupt reaches the parent only.
	Command func(slot int) *exec.Cmd
	// StartUp makes the command of the start-up child, which ends before the first
	// worker starts. What it writes to standard output is logged line by line; what it
	// writes to standard error becomes the error's text when it fails.
	StartUp func() *exec.Cmd

	// Check makes the command of the start-up child of an upgrade, which changes nothing: the predecessor is at work.
	Check func() *exec.Cmd
	// Reload reads the configuration again. Of what it gives, everything from Listen to RetireLimit, Command and
	// Adopted counts. nil: it cannot be read again.
	Reload func() (Config, error)
	// Adopted, if set, is called when this configuration, read again, has begun to hold.
	Adopted func()
	// Successor makes the command of the server that is to take over; the parent adds descriptors and a variable. nil:
	// there can be none.
	Successor func() *exec.Cmd
	// Inherited is UpgradeVariable's value in a server that is to take over; empty in any other.
	Inherited string
	// Code is the exit code for an error, for commands that ask over the control socket. nil: always 1.
	Code func(error) int

	// Reloads and Upgrades bring requests that came by signal.
	Reloads, Upgrades <-chan struct{}

	// Ready, if set, is called once, when every worker has been ready; with the
	// addresses that were bound.
	Ready func(listen []string)
	// Kill, when closed, ends everything at once. The end of Run's context drains.
	Kill <-chan struct{}
	Log  *logrus.Logger

	times times // zero: the constants above; tests shorten them
}

// times are the limits a test cannot wait for.
type times struct {
	lock, beat, start, gone, upgrade time.Duration
}

// complete fills in the defaults and refuses what cannot be meant.
func (c *Config) complete() error {
	if c.Workers < 1 || c.Workers > MaxWorkers {
		return fmt.Errorf("%w: %d workers; give 1 to %d", ErrConfig, c.Workers, MaxWorkers)
	}
	if len(c.Listen) == 0 && len(c.Sockets) == 0 {
		return fmt.Errorf("%w: no address to listen on", ErrConfig)
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	if c.MaxUnknownPerAddress == 0 {
		c.MaxUnknownPerAddress = DefaultMaxUnknown
	}
	if c.DrainLimit == 0 {
		c.DrainLimit = DefaultDrainLimit
	}
	if c.RetireLimit == 0 {
		c.RetireLimit = DefaultRetireLimit
	}
	if c.Code == nil {
		c.Code = func(error) int { return 1 }
	}
	if c.MaxConnections < 0 || c.MaxUnknownPerAddress < 0 || c.DrainLimit < 0 || c.RetireLimit < 0 {
		return fmt.Errorf("%w: a limit below zero", ErrConfig)
	}
	for _, row := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&c.times.lock, lockWait}, {&c.times.beat, beatLimit}, {&c.times.start, startLimit}, {&c.times.gone, goneLimit}, {&c.times.upgrade, upgradeLimit}} {
		if *row.value == 0 {
			*row.value = row.usual
		}
	}
	return nil
}

// What ends a server that was not asked to end; the texts say what to do.
var (
	ErrConfig = errors.New("configuration")                  // an address or a number that cannot be used
	ErrInUse  = errors.New("the data folder is in use")      // another server holds it
	ErrPlain  = errors.New("plain TCP beyond loopback")      // refused unless it is allowed
	ErrKilled = errors.New("ended at once, without a drain") // Config.Kill was closed
	ErrBusy   = errors.New("not now")                        // a reload or an upgrade is under way, or the server stops
)

// StartUpError is the start-up child's failure: its exit code and what it wrote.
type StartUpError struct {
	Code int
	Text string
}

func (e *StartUpError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the start-up check ended with code %d and said nothing", e.Code)
	}
	return e.Text
}

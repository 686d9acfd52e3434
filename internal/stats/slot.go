package stats

import "sync/atomic"

// State is what the parent knows of a worker.
type State uint64

// The states of a worker, in the order of its life.
const (
	Empty    State = iota // no worker was ever started here
	Starting              // started, not ready yet
	Ready                 // takes connections
	Draining              // finishes what it has, then leaves
	Waiting               // died before it was ready too often: waits before the next try
	Ended                 // is gone and is not replaced
)

// String is the state as status shows it.
func (s State) String() string {
	switch s {
	case Empty:
		return "empty"
	case Starting:
		return "starting"
	case Ready:
		return "ready"
	case Draining:
		return "draining"
	case Waiting:
		return "waiting"
	case Ended:
		return "ended"
	}
	return "unknown"
}

// Slot holds one worker's numbers. What is signed is a gauge or an identity and
// is reset by the worker when it starts; what is unsigned only grows and goes on
// over restarts.
type Slot struct {
	// Written by the parent.
	Pid       atomic.Int64  // 0: no process
	State     atomic.Uint64 // a State
	Started   atomic.Int64  // when this process was started, in ns since 1970
	Restarts  atomic.Uint64 // how often the slot got a new process
	Hung      atomic.Uint64 // how often the parent killed it because its loop stood still
	BackoffMs atomic.Int64  // how long the next start is put off; 0: it is not
	Junk      atomic.Uint64 // messages to the parent that made no sense

	// Written by the worker.
	Life        atomic.Int64  // its life number in the database
	Connections atomic.Int64  // open now
	Parked      atomic.Int64  // of these, waiting for news
	Jobs        atomic.Int64  // handed to the job pool and not back
	PipesOpen   atomic.Int64  // pipes, in use or idle
	PipesSmall  atomic.Int64  // of these, smaller than wanted
	PipeBytes   atomic.Int64  // their sizes together
	Accepted    atomic.Uint64 // connections received from the parent
	Requests    atomic.Uint64 // requests answered, well or badly
	Errors      atomic.Uint64 // of these, answered with an error code
	BytesIn     atomic.Uint64
	BytesOut    atomic.Uint64
	SlowFlushes atomic.Uint64 // pipe to file took over 5 ms: the body moved to the job pool
	Turns       atomic.Uint64 // turns of the loop
	Violations  atomic.Uint64 // peers that sent junk or passed a limit
	Panics      atomic.Uint64 // recovered: each closed one connection
	Commits     atomic.Uint64 // transactions that are durable
	Writes      atomic.Uint64 // requests' writes that shared them

	ReadOnly    atomic.Int64  // 1: its store has stopped writing
	CPU         atomic.Uint64 // of its processes, in ns
	Resident    atomic.Int64  // bytes of its memory in RAM
	Descriptors atomic.Int64  // open now

	WebConnections atomic.Int64  // of the metrics listener, open now
	WebRefused     atomic.Uint64 // of these, closed at once: too many

	ByKind   [kinds]atomic.Uint64   // Violations by Kind
	ByReason [reasons]atomic.Uint64 // Errors by Reason
	Latency  [classes]Histogram     // of requests that did not wait for news, by Class
}

// Begin is called by a worker when it starts: it resets what described its
// predecessor, and names its own life.
func (s *Slot) Begin(life int64) {
	for _, gauge := range []*atomic.Int64{
		&s.Connections, &s.Parked, &s.Jobs, &s.PipesOpen, &s.PipesSmall, &s.PipeBytes,
		&s.ReadOnly, &s.Resident, &s.Descriptors, &s.WebConnections,
	} {
		gauge.Store(0)
	}
	s.Life.Store(life)
}

// Parent holds the parent's own numbers.
type Parent struct {
	Accepted    atomic.Uint64 // connections taken from the listeners
	Refused     atomic.Uint64 // of these, closed at once because of a limit
	HandoffFull atomic.Uint64 // how often a worker's hand-off queue was full
	Deaths      atomic.Uint64 // workers that ended without being asked to
	BackoffMs   atomic.Int64  // the longest wait before a start now, over all slots
	Connections atomic.Int64  // handed over and not reported gone
	Unknown     atomic.Int64  // of these, not logged in
	Started     atomic.Int64  // when the server was started, in ns since 1970
}

// Disk is the data folder's file system, as the worker that looked last saw it.
type Disk struct {
	Free  atomic.Int64 // bytes this server may still take
	Size  atomic.Int64 // bytes in all
	Files atomic.Int64 // files that can still be made
	Log   atomic.Int64 // bytes of the database's write-ahead log
	Least atomic.Int64 // bytes of Free below which the server says it is not ready

	Writable atomic.Int64 // 1: the file system takes writes
	Damaged  atomic.Int64 // contents found to be damaged
}

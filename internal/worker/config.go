package worker

import (
	"time"

	"sluice/internal/store"
)

// Config is what the parent's side tells a worker, as JSON in the environment. Zero limits take conn's defaults.
type Config struct {
	Data          string // the data folder
	Slot          int    // this worker's place in the page
	Workers       int    // how many there are in all
	Agent         string // program and version, told in hello
	PipeBytes     int64  // this worker's share of the user's pipe budget
	LogLevel      string
	LogFormat     string
	IdleTimeout   time.Duration
	HeaderTimeout time.Duration
	DrainLimit    time.Duration // of a drain that names none
	LeastRate     int64         // bytes a second of a body or reply
	LeastSpace    int64         // free bytes below which the server is not ready
	Policy        store.Policy  // what is kept, and how long
	Congestion    string        // what the listener was given; for the log
}

const (
	// handoffFD is where the parent puts the hand-off. The descriptor after it is the server's lock, which is only kept
	// open: it ends with the last process that has it.
	handoffFD = 3
	lockFD    = 4

	// orphanLimit bounds the drain after the parent's death: a new server waits 5 s for the lock.
	orphanLimit = 3 * time.Second
	// defaultDrain bounds a drain that names no limit.
	defaultDrain = 30 * time.Second
	// lastJobs bounds the wait for jobs after a kill, and again for jobs and for the keeper after the loop has ended.
	lastJobs = 500 * time.Millisecond
	// beatEvery is how often the parent hears of the loop.
	beatEvery = time.Second
	// watchEvery is how often disk and process are looked at for the page.
	watchEvery = time.Second
	// messagesATurn bounds what is taken from the hand-off in one turn, so that a storm of connections does not hold up
	// the requests of others.
	messagesATurn = 32
	// outboxKept bounds the memory for messages to the parent that is kept between turns.
	outboxKept = 256
	// maxJobs bounds the goroutines of the job pool, each a thread while it waits for the disk. Many small commits wait
	// for one sync together, so there are more of them than cores; log-ins and hashing have caps of their own below it.
	maxJobs = 64
	// spareProcessors are what the Go runtime has beyond those that hashing may fill: one for the loop, one for short jobs. A
	// loop that wakes while all are hashing waits until one is taken away from its job, which is after 10 ms; the kernel, which
	// shares out the real ones, lets it in at once.
	spareProcessors = 2
	// gcPercent lets a heap of a few MiB, which is all a worker has, be collected a third as often: at 50,000 small requests
	// a second the collector took 6 % of the time.
	gcPercent = 300
	// pipeSize is the size of pipes wanted: what one connection moves in a turn.
	pipeSize = 1 << 20
)

package db

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// leastSQLite is 3.51.3: before it, a write and a checkpoint at the same moment can damage a WAL database.
const leastSQLite = 3051003

// defaultReaders is enough to keep the cores busy; more only cost memory, as a read never waits for anything.
const defaultReaders = 4

// Options of Open.
type Options struct {
	ReadOnly       bool   // no writer: Write fails
	Immutable      bool   // nobody writes to the file, and it may lie where nobody can: a backup's. With ReadOnly
	Gate           string // the file whose flock orders writers of all processes; "": this process is the only one
	AutoCheckpoint bool   // SQLite checkpoints by itself; the server's keeper does it instead
	Readers        int    // read connections at most; 0: defaultReaders
}

// DB is one open database: a writer goroutine with its connection, and a pool of readers.
type DB struct {
	path    string
	options Options

	queue   chan *job     // to the writer goroutine
	closing chan struct{} // closed by Close
	ended   chan struct{} // closed when the writer goroutine is gone
	stopped atomic.Bool   // a sync has failed: nothing is written any more
	keepLog atomic.Bool   // see KeepLog

	readers chan *conn // idle readers, nil where one has not been opened yet

	onCommit atomic.Pointer[func()]

	checkpoint sync.Mutex // one at a time in this process
	keeper     *conn      // the checkpoints' connection, opened at the first; guarded by checkpoint
	ahead      ahead

	closeOnce sync.Once
	counts    counts
}

// counts are what Stats tells.
type counts struct{ writes, groups, failed, reads atomic.Int64 }

// Stats are counters since Open.
type Stats struct {
	Writes int64 // functions given to Write that were committed
	Groups int64 // commits they shared
	Failed int64 // functions undone, and those of failed commits
	Reads  int64
}

// Open opens the database file at path, which Migrate has made.
func Open(path string, options Options) (*DB, error) {
	if _, n, _ := sqlite3.Version(); n < leastSQLite {
		return nil, fmt.Errorf("open %s: SQLite %d is older than %d and may damage the database", path, n, leastSQLite)
	}
	if options.Readers <= 0 {
		options.Readers = defaultReaders
	}
	d := &DB{
		path:    path,
		options: options,
		queue:   make(chan *job, queueLength),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
		readers: make(chan *conn, options.Readers),
		ahead:   ahead{fd: -1},
	}
	first, err := connect(path, reader, options)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	d.readers <- first
	for range options.Readers - 1 {
		d.readers <- nil
	}
	if options.ReadOnly {
		close(d.ended)
		return d, nil
	}
	w, err := newWriter(d)
	if err != nil {
		first.close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	go w.run()
	return d, nil
}

// OnCommit sets the function that is called after every commit that changed something, before the writes it carried
// are answered. It must be quick.
func (d *DB) OnCommit(f func()) { d.onCommit.Store(&f) }

// Stats gives the counters.
func (d *DB) Stats() Stats {
	return Stats{
		Writes: d.counts.writes.Load(),
		Groups: d.counts.groups.Load(),
		Failed: d.counts.failed.Load(),
		Reads:  d.counts.reads.Load(),
	}
}

// Close lets what was queued be written, waits for reads under way and closes all connections.
func (d *DB) Close() error {
	var errs []error
	d.closeOnce.Do(func() {
		close(d.closing)
		<-d.ended
		for range d.options.Readers {
			if c := <-d.readers; c != nil {
				errs = append(errs, d.end(c))
			}
		}
		d.checkpoint.Lock()
		defer d.checkpoint.Unlock()
		if d.keeper != nil {
			errs = append(errs, d.end(d.keeper))
			d.keeper = nil
		}
		if d.ahead.fd >= 0 { // last of all: no connection has a lock any more
			errs = append(errs, unix.Close(d.ahead.fd))
			d.ahead.fd = -1
		}
	})
	return errors.Join(errs...)
}

// KeepLog has the log and its index stay, with all the room they have, when the last connection is closed: on a full disk whoever
// writes first would take that room, and the next start find none. Without, SQLite removes them.
func (d *DB) KeepLog() { d.keepLog.Store(true) }

// end closes a connection that may be the last. Readers and the keeper's are closed after the writer, whose limit on the log's
// size would empty the log.
func (d *DB) end(c *conn) error {
	if d.keepLog.Load() {
		if err := c.keepLog(); err != nil {
			return errors.Join(err, c.close())
		}
	}
	return c.close()
}

// keepLog is KeepLog of a connection.
func (c *conn) keepLog() error {
	return wrap(c.c.SetFileControlInt("main", sqlite3.SQLITE_FCNTL_PERSIST_WAL, 1))
}

// role is what a connection is for.
type role uint8

const (
	reader role = iota
	writer
	checkpointer
)

// pragma is a setting of a connection and why it is so.
type pragma struct{ set, why string }

// pragmas of every connection; some are for one role only.
func pragmas(r role, options Options) []pragma {
	list := []pragma{
		{"busy_timeout = 10000", "the gate makes writers wait their turn; this is for the moments SQLite locks by itself: recovery, end of a checkpoint"},
		{"foreign_keys = OFF", "a commit's inserts would cost twice: to be able to undo one SQLite copies every page it touches; tests check the keys"},
		{"trusted_schema = OFF", "the schema runs no functions but the harmless ones, whatever a damaged file says"},
		{"temp_store = MEMORY", "statement journals and sorts stay small and off the disk"},
		{"mmap_size = 0", "an I/O error in mapped pages is a SIGBUS, by pread it is an error"},
	}
	if !options.AutoCheckpoint {
		list = append(list, pragma{"wal_autocheckpoint = 0", "exactly one process checkpoints: the keeper"})
	}
	switch r {
	case reader:
		list = append(list,
			pragma{"query_only = ON", "a read that writes is a defect"},
			pragma{"cache_size = -4096", "4 MiB: the inner pages of all indexes of a million names; leaves come from the page cache"})
	case writer:
		list = append(list,
			pragma{"synchronous = " + commitSync(), "COMMIT returns when the log is on disk: what is answered with success is kept"},
			pragma{"cache_size = -16384", "16 MiB: a group's dirty pages stay in memory until its COMMIT"},
			pragma{"journal_size_limit = 67108864", "a log that a long read made large is cut back to 64 MiB"})
	case checkpointer:
		list = append(list,
			pragma{"synchronous = FULL", "the log is synced before, the database after the pages are moved"},
			pragma{"cache_size = -256", "a checkpoint copies from the log, it needs no cache"},
			pragma{"busy_timeout = 200", "so long writers stand still at most while readers of an old snapshot finish; else the log begins anew the next time"})
	}
	return list
}

// connect opens one connection. The database must be in WAL mode already.
func connect(path string, r role, options Options) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// rw: a missing file is an error, not an empty database. no: a connection is used by one goroutine at a time, so
	// SQLite need not lock.
	query := "mode=rw&_mutex=no"
	if options.Immutable {
		query = "mode=ro&immutable=1&_mutex=no" // no log, no lock, no file beside it
	}
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: query}
	dc, err := (&sqlite3.SQLiteDriver{}).Open(dsn.String())
	if err != nil {
		return nil, wrap(err)
	}
	c := newConn(dc.(*sqlite3.SQLiteConn))
	for _, p := range pragmas(r, options) {
		if err := c.script("PRAGMA " + p.set); err != nil {
			c.close()
			return nil, err
		}
	}
	var mode string
	if _, err := (&Tx{c: c}).row("PRAGMA journal_mode", nil, &mode); err != nil {
		c.close()
		return nil, err
	}
	if mode != "wal" && !options.Immutable {
		c.close()
		return nil, fmt.Errorf("%w: journal mode is %q, not wal", ErrDamaged, mode)
	}
	return c, nil
}

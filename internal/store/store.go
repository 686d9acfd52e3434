package store

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/db"
)

// Config says how a store is opened.
type Config struct {
	Data string // the data folder
	Slot int    // the worker's place, 0 and up

	Policy Policy // what is kept, and how long

	// OnCommit is called after every durable transaction of this process: raises the change counter.
	OnCommit func()
	// Changes reads the change counter that all processes raise; nil: there is none, memory is then good for a second.
	Changes func() uint64
	// Requests counts what all processes have answered; nil: nobody counts.
	Requests func() uint64
	// Log takes what an administrator should see; level is debug, info, warn or error. nil: nobody listens.
	Log func(level, msg string, err error)

	step func(string) error // fail points, set by this package's tests only
}

// Store is one process's access to a data folder. All its methods may be called from any goroutine; those that say so
// also from the loop, all others may block.
type Store struct {
	config   Config
	folder   folder
	db       *db.DB
	schema   *lock // schema.lock, shared, for as long as the store is open
	life     *life
	server   string   // the folder's id, hex
	secret   [32]byte // signs challenges
	stopped  atomic.Bool
	segments segments
	folders  folders
	uploads  turns // shared syncs of partial uploads' files
	files    files
	places   places
	free     freeSpace
	thinned  time.Time // the keeper's alone: when it last thinned the moments

	shareless atomic.Bool // the file system cannot share extents between files

	verifying chan struct{} // one place a core: bytes being hashed
	windows   sync.Pool     // *[]byte of verifyWindow

	delays  loginDelays
	hashing chan struct{} // passwords being hashed
}

// Open opens a data folder for a worker: it begins a new life, and cleans what a dead predecessor in its slot left.
func Open(config Config) (*Store, error) {
	s, err := open(config)
	if err != nil {
		return nil, err
	}
	if err := s.cleanSlot(config.Slot); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// OpenCommand opens a data folder for a command that runs beside a server or without one. It makes an empty folder a
// data folder first.
func OpenCommand(config Config) (*Store, error) {
	config.Slot = noSlot
	if err := prepare(config); err != nil {
		return nil, err
	}
	s, err := open(config)
	if !errors.Is(err, errUnready) {
		return s, err
	}
	if err := startUp(config); err != nil { // the one who made the database died before it was done
		return nil, err
	}
	return open(config)
}

// errUnready says that no start-up has come to its end in this folder.
var errUnready = errors.New("the data folder was never made ready: start the server, which does it")

// open takes part in the work on a data folder: shared lock, database, life.
func open(config Config) (*Store, error) {
	l, err := lockFile(folder(config.Data).schemaLock(), shared, commandWait)
	if err != nil {
		return nil, err
	}
	s, err := newStore(config)
	if err != nil {
		l.unlock()
		return nil, err
	}
	s.schema = l
	if s.server == "" {
		err = errUnready
	} else {
		s.life, err = beginLife(s.transact, s.anyway, s.folder, config.Slot)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// newStore opens the database, which is there and up to date.
func newStore(config Config) (*Store, error) {
	if config.Log == nil {
		config.Log = func(string, string, error) {}
	}
	config.Policy = config.Policy.withDefaults()
	s := &Store{
		config:    config,
		folder:    folder(config.Data),
		verifying: make(chan struct{}, runtime.GOMAXPROCS(0)),
		hashing:   make(chan struct{}, argonAtOnce),
	}
	s.windows.New = func() any { b := make([]byte, verifyWindow); return &b }
	have, want, err := db.SchemaVersion(s.folder.database())
	if err == nil && have != want {
		err = fmt.Errorf("the database has version %d, not %d: start the server, which brings it up to date", have, want)
	}
	if err != nil {
		return nil, explain(err)
	}
	if s.db, err = db.Open(s.folder.database(), db.Options{Gate: s.folder.gate()}); err != nil {
		return nil, fmt.Errorf("open the database: %w", explain(err))
	}
	if config.OnCommit != nil {
		s.db.OnCommit(config.OnCommit)
	}
	err = s.db.Read(func(tx *db.Tx) error {
		id, err := tx.ServerID()
		if err != nil {
			return err
		}
		s.server = fmt.Sprintf("%x", id)
		key, err := tx.Secret()
		if err == nil && len(key) != len(s.secret) {
			err = fmt.Errorf("%w: the server's secret is gone", ErrDamaged)
		}
		copy(s.secret[:], key)
		return err
	})
	if err != nil {
		s.db.Close()
		return nil, fmt.Errorf("read the server's row: %w", err)
	}
	return s, nil
}

// Close ends this store's life. Requests must have ended before.
func (s *Store) Close() error {
	var errs []error
	s.segments.close()
	s.files.close()
	if s.life != nil {
		if !s.stopped.Load() {
			errs = append(errs, s.cleanLife(s.life.id))
		}
		s.life.close()
	}
	if s.reserveSpent() { // the log's room is needed by the next start
		s.db.KeepLog()
	}
	errs = append(errs, s.db.Close())
	if s.schema != nil {
		s.schema.unlock()
	}
	return errors.Join(errs...)
}

// ServerID is the data folder's id in hex: it tells one server from another.
func (s *Store) ServerID() string { return s.server }

// Life is the number of this process's life, for those who tell processes apart.
func (s *Store) Life() int64 { return s.life.id }

// ReadOnly tells whether the store has stopped writing.
func (s *Store) ReadOnly() bool { return s.stopped.Load() }

// errUnsure marks a transaction that may or may not have been committed: what it named must be left as it is.
var errUnsure = errors.New("the commit itself failed")

// write carries out fn in a transaction that is durable when write returns nil. An error of fn undoes fn. An error of
// the commit itself wraps errUnsure and, if it is not a full disk, ends writing for good.
func (s *Store) write(fn func(tx *db.Tx) error) error {
	return s.transact(func(tx *db.Tx) error {
		if err := s.step("transaction"); err != nil {
			return err
		}
		return fn(tx)
	})
}

// transact is write without its fail point, for what a life needs beside the orders of writes.
func (s *Store) transact(fn func(tx *db.Tx) error) error {
	if s.stopped.Load() {
		return ErrReadOnly
	}
	done := false // fn has ended well: what failed is the commit
	err := s.db.Write(func(tx *db.Tx) error {
		err := fn(tx)
		done = err == nil
		return err
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, db.ErrStopped): // by a sync that failed for somebody else
		s.stop("commit", err)
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case !done || errors.Is(err, db.ErrFull) || errors.Is(err, db.ErrUndone): // it is surely not there
		return full(err)
	}
	s.stop("commit", err)
	return fmt.Errorf("%w: %w: %w", ErrReadOnly, errUnsure, err)
}

// read carries out fn on a snapshot.
func (s *Store) read(fn func(tx *db.Tx) error) error { return s.db.Read(fn) }

// stop ends writing for good: after a failed sync nobody knows what the disk holds, and asking again would be answered
// with "all is well".
func (s *Store) stop(doing string, err error) {
	if !s.stopped.Swap(true) {
		s.config.Log("error", "the store stops writing: "+doing+" failed; check the disk, then restart the server", err)
	}
}

// step is a fail point: the named instant of an order of writes.
func (s *Store) step(name string) error {
	if s.config.step == nil {
		return nil
	}
	return s.config.step(name)
}

func now() int64 { return time.Now().UnixNano() }

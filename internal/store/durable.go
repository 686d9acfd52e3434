package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// turn lets many requests share one sync of the same file: while a sync runs, all who come form the next round, whose
// first one syncs for all of them.
//
//	a: sync ━━━━━━━━━━
//	b:    wait ───────┐ sync ━━━━━━━━
//	c:       wait ────┴──── b's sync is c's too
//
// A failed sync is final: the kernel drops the bytes, and a second sync would succeed without them. So the first error is
// kept and answered to all who come later.
type turn struct {
	one  sync.Mutex // held by the round under way
	mu   sync.Mutex // guards what follows
	next *round     // waits for one
	err  error      // the first failure
	refs int        // guarded by turns.mu, if it is one of those
}

type round struct {
	done chan struct{}
	err  error
}

// sync returns when a call of do that began after the call of sync has succeeded, or with the first error there was.
func (t *turn) sync(do func() error) error {
	t.mu.Lock()
	if r := t.next; r != nil {
		t.mu.Unlock()
		<-r.done
		return r.err
	}
	r := &round{done: make(chan struct{})}
	t.next = r
	t.mu.Unlock()

	t.one.Lock()
	defer t.one.Unlock()
	defer close(r.done)
	t.mu.Lock()
	t.next = nil // who comes from now on may have written after do began
	r.err = t.err
	t.mu.Unlock()
	if r.err == nil {
		if r.err = do(); r.err != nil && !errors.Is(r.err, errUntried) {
			t.mu.Lock()
			t.err = r.err
			t.mu.Unlock()
		}
	}
	return r.err
}

// turns are turns by number, kept while anybody uses them.
type turns struct {
	mu sync.Mutex
	of map[int64]*turn
}

func (t *turns) get(number int64) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = make(map[int64]*turn)
	}
	one := t.of[number]
	if one == nil {
		one = new(turn)
		t.of[number] = one
	}
	one.refs++
	return one
}

func (t *turns) put(number int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[number]
	if one.refs--; one.refs == 0 {
		delete(t.of, number)
	}
}

// syncData makes a file's bytes durable. A full disk, which some file systems find out only now, fails those who wait for
// this sync; any other error ends writing.
func (s *Store) syncData(fd int, what string) error {
	err := s.step("sync " + what)
	if err == nil {
		err = again(func() error { return syncFile(fd, what) })
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return full(fmt.Errorf("sync %s: %w", what, err))
	}
	return s.synced(what, err)
}

// synced judges the outcome of a sync: an error is final, but for one that came before the sync itself, for want of
// descriptors for instance.
func (s *Store) synced(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errUntried) {
		return full(err)
	}
	s.stop("sync "+what, err)
	return fmt.Errorf("%w: sync %s: %w", ErrReadOnly, what, err)
}

// ownErrors tells whether the disk failed to take bytes of a range since fd was opened, after another descriptor of the same
// file has synced it. The kernel tells of a failure once to each descriptor that was open then, and not to younger ones when
// any has been told: so a sync that is shared between descriptors may succeed though another's bytes are lost.
func ownErrors(fd int, offset, length int64) error {
	return again(func() error { return unix.SyncFileRange(fd, offset, length, unix.SYNC_FILE_RANGE_WAIT_BEFORE) })
}

// together does pieces of work at the same time, syncsAtOnce at most, and gives the first error. All of them have ended
// when it returns.
func together(work []func() error) error {
	if len(work) == 1 {
		return work[0]()
	}
	errs := make([]error, len(work))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(len(work), syncsAtOnce) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(work)); i = next.Add(1) - 1 {
				errs[i] = work[i]()
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// startWriting tells the kernel to begin writing a range to disk, so that it goes on while the range is verified. It is
// only a hint: the sync decides.
func startWriting(fd int, offset, length int64) {
	unix.SyncFileRange(fd, offset, length, unix.SYNC_FILE_RANGE_WRITE)
}

package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// publisher makes temporary files durable and gives them their names. It takes all that is waiting at once, so that
// many batches share a sync: data first, then the names, then the folders, then the records.
type publisher struct {
	p    *receiver
	ctx  context.Context
	each bool // few files: each was synced by itself when it was written

	mu    sync.Mutex
	wake  sync.Cond
	queue []written
	ended bool
	done  chan struct{}
}

// queueLimit holds the fetchers back while a slow disk syncs; what is in it is on disk already, not in memory.
const queueLimit = 4000

func newPublisher(p *receiver, ctx context.Context, each bool) *publisher {
	pub := &publisher{p: p, ctx: ctx, each: each, done: make(chan struct{})}
	pub.wake.L = &pub.mu
	go pub.run()
	return pub
}

// take takes over temporary files: they are published or removed.
func (u *publisher) take(list []written) {
	if len(list) == 0 {
		return
	}
	u.mu.Lock()
	for len(u.queue) > queueLimit {
		u.wake.Wait()
	}
	u.queue = append(u.queue, list...)
	u.wake.Broadcast()
	u.mu.Unlock()
}

// close returns when all that was taken is published or removed.
func (u *publisher) close() {
	u.mu.Lock()
	u.ended = true
	u.wake.Broadcast()
	u.mu.Unlock()
	<-u.done
}

func (u *publisher) run() {
	defer close(u.done)
	for {
		u.mu.Lock()
		for len(u.queue) == 0 && !u.ended {
			u.wake.Wait()
		}
		list := u.queue
		u.queue = nil
		u.wake.Broadcast()
		u.mu.Unlock()
		if len(list) == 0 {
			return
		}
		if u.ctx.Err() != nil {
			u.drop(list)
			continue
		}
		if err := u.publish(list); err != nil {
			u.p.fail(err)
		}
	}
}

// publish is the whole way of some temporary files to their names.
func (u *publisher) publish(list []written) error {
	list, err := u.syncData(list)
	if err != nil {
		u.drop(list)
		return err
	}
	folders := 0
	for i := range list {
		if i == 0 || list[i].Src.Parent != list[i-1].Src.Parent {
			folders++
		}
	}
	names := syncing{each: folders < syncEachBelow}
	defer names.close()
	var named []written
	for start := 0; start < len(list); {
		end := start + 1
		for end < len(list) && list[end].Src.Parent == list[start].Src.Parent {
			end++
		}
		done, err := u.rename(list[start:end], &names)
		if err != nil {
			u.drop(list[end:])
			return err
		}
		named = append(named, done...)
		start = end
	}
	if err := names.finish(); err != nil {
		return err
	}
	u.p.named(named)
	return nil
}

// syncData makes the contents durable: one sync for each file system that holds some. What lies in a folder that is no longer
// there is missed, and not in the list it gives.
func (u *publisher) syncData(list []written) ([]written, error) {
	seen := make(map[uint64]bool)
	for i := range list {
		w := &list[i]
		if w.synced || seen[w.dev] || w.Src.Kind == proto.KindLink {
			continue
		}
		fd, err := u.p.at.folder(w.Src.Parent.Path())
		if err != nil {
			continue // another folder of this file system will do
		}
		_, err = retry(func() (int, error) { return 0, unix.Syncfs(fd) })
		unix.Close(fd)
		if err != nil {
			return list, fmt.Errorf("sync files to disk: %w", err)
		}
		seen[w.dev] = true
	}
	kept := list[:0]
	for _, w := range list {
		if w.synced || seen[w.dev] || w.Src.Kind == proto.KindLink {
			kept = append(kept, w)
			continue
		}
		u.drop([]written{w})
		u.p.missed(w.Step, naming, errMeanwhile)
	}
	return kept, nil
}

// syncing makes names durable: each folder by itself, or where there are many the file systems they are on.
type syncing struct {
	each bool
	on   map[uint64]int // of each file system a folder
}

// took is told that the open folder fd, on the file system dev, has got names.
func (s *syncing) took(fd int, dev uint64) error {
	if s.each {
		_, err := retry(func() (int, error) { return 0, unix.Fsync(fd) })
		return err
	}
	if _, ok := s.on[dev]; ok {
		return nil
	}
	keep, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return err
	}
	if s.on == nil {
		s.on = make(map[uint64]int)
	}
	s.on[dev] = keep
	return nil
}

// finish returns when all names are durable.
func (s *syncing) finish() error {
	for _, fd := range s.on {
		if _, err := retry(func() (int, error) { return 0, unix.Syncfs(fd) }); err != nil {
			return fmt.Errorf("sync folders to disk: %w", err)
		}
	}
	return nil
}

func (s *syncing) close() {
	for _, fd := range s.on {
		unix.Close(fd)
	}
}

// rename gives the files of one folder their names, unless what stood there is no longer what was compared.
func (u *publisher) rename(list []written, names *syncing) (named []written, err error) {
	fd, err := u.p.at.folder(list[0].Src.Parent.Path())
	if err != nil {
		for i := range list {
			u.p.missed(list[i].Step, naming, err)
		}
		return nil, nil
	}
	defer unix.Close(fd)
	for i := range list {
		w := &list[i]
		err := u.renameOne(fd, w)
		if err == nil {
			named = append(named, *w)
			continue
		}
		_ = unix.Unlinkat(fd, w.temp, 0)
		u.p.missed(w.Step, naming, err)
	}
	if len(named) > 0 {
		if err := names.took(fd, named[0].dev); err != nil {
			return nil, fmt.Errorf("sync a folder to disk: %w", err)
		}
	}
	return named, nil
}

// errMeanwhile is a name that changed here since the folder was read.
var errMeanwhile = errors.New("it was changed here while the pull ran, and was left alone: run the same command again")

// naming is what is being done when a file gets its name.
const naming = "give it its name"

func (u *publisher) renameOne(fd int, w *written) error {
	var err error
	if w.Dst == nil {
		err = renameNew(fd, w.temp, fd, w.Src.Name)
	} else {
		err = u.p.temps.renameOver(fd, w.temp, w.Src.Name, w.Dst, w.ino)
	}
	if err != nil {
		return err
	}
	var now Node
	if err := statName(fd, w.Src.Name, &now); err == nil && now.Ino == w.ino && asGiven(&now, w.Src) {
		w.now = factsIn(&now)
		return nil
	}
	// Someone has put something else there since, or written to it. These facts are no file's, so that it will be looked at.
	w.now = facts{size: w.Src.Size, mtime: w.Src.Mtime, ino: w.ino}
	return nil
}

// asGiven says whether a file that has got its name still has the size and time that it was given. Of these a file system may
// keep whole seconds only, or every other one.
func asGiven(now, src *Node) bool {
	if src.Kind == proto.KindFile && now.Size != src.Size {
		return false
	}
	off := now.Mtime - src.Mtime
	return off == 0 || now.Mtime%int64(time.Second) == 0 && off > -int64(2*time.Second) && off < int64(2*time.Second)
}

// drop removes temporary files that will not be published.
func (u *publisher) drop(list []written) {
	for i := range list {
		if fd, err := u.p.at.folder(list[i].Src.Parent.Path()); err == nil {
			_ = unix.Unlinkat(fd, list[i].temp, 0)
			unix.Close(fd)
		}
	}
}

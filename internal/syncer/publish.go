package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"

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
	if err := u.syncData(list); err != nil {
		u.drop(list)
		return err
	}
	var named []written
	for start := 0; start < len(list); {
		end := start + 1
		for end < len(list) && list[end].Src.Parent == list[start].Src.Parent {
			end++
		}
		named = append(named, u.rename(list[start:end])...)
		start = end
	}
	if err := u.syncFolders(named); err != nil {
		return err
	}
	u.p.named(named)
	return nil
}

// syncData makes the contents durable: one sync for each file system that holds some.
func (u *publisher) syncData(list []written) error {
	seen := make(map[uint64]bool)
	for i := range list {
		w := &list[i]
		if w.synced || seen[w.dev] || w.Src.Kind == proto.KindLink {
			continue
		}
		seen[w.dev] = true
		if err := u.syncSystem(w.Src.Parent); err != nil {
			return fmt.Errorf("sync files to disk: %w", err)
		}
	}
	return nil
}

// syncSystem syncs the file system a folder lies on.
func (u *publisher) syncSystem(folder *Node) error {
	fd, err := u.p.at.folder(folder.Path())
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = retry(func() (int, error) { return 0, unix.Syncfs(fd) })
	return err
}

// rename gives the files of one folder their names, unless what stood there is no longer what was compared.
func (u *publisher) rename(list []written) (named []written) {
	fd, err := u.p.at.folder(list[0].Src.Parent.Path())
	if err != nil {
		for i := range list {
			u.p.missed(list[i].Step, naming, err)
		}
		return nil
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
	return named
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
		err = renameOver(fd, w.temp, w.Src.Name, w.Dst)
	}
	if err != nil {
		return err
	}
	var now Node
	if err := statName(fd, w.Src.Name, &now); err == nil && now.Ino == w.ino {
		w.now = factsIn(&now)
		return nil
	}
	// Someone has put something else there since. These facts are no file's, so that it will be looked at.
	w.now = facts{size: w.Src.Size, mtime: w.Src.Mtime, ino: w.ino}
	return nil
}

// syncFolders makes the names durable: one sync for each folder, or of the whole file system where there are many.
func (u *publisher) syncFolders(named []written) error {
	folders := make([]*Node, 0, 16)
	for i := range named {
		if f := named[i].Src.Parent; len(folders) == 0 || folders[len(folders)-1] != f {
			folders = append(folders, f)
		}
	}
	if len(folders) >= syncEachBelow {
		seen := make(map[uint64]bool)
		for i := range named {
			if w := &named[i]; !seen[w.dev] {
				seen[w.dev] = true
				if err := u.syncSystem(w.Src.Parent); err != nil {
					return fmt.Errorf("sync folders to disk: %w", err)
				}
			}
		}
		return nil
	}
	for _, f := range folders {
		fd, err := u.p.at.folder(f.Path())
		if err != nil {
			return fmt.Errorf("sync a folder to disk: %w", err)
		}
		_, err = retry(func() (int, error) { return 0, unix.Fsync(fd) })
		unix.Close(fd)
		if err != nil {
			return fmt.Errorf("sync a folder to disk: %w", err)
		}
	}
	return nil
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

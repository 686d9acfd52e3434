package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// makeLocal makes the folders that are missing here, parents first. They get their mode and time at the end.
func (p *puller) makeLocal() {
	for _, f := range p.plan.Folders {
		if f.Dst != nil || f.Src.Parent == nil {
			continue
		}
		if err := p.makeOne(f.Src); err != nil {
			p.lost[f.Src] = true
			p.problemAt(f.Src, "make the folder", err)
			continue
		}
		p.folder(Made, f.Src)
	}
}

func (p *puller) makeOne(n *Node) error {
	var path []byte
	fd, err := p.openFolder(n.Parent, &path)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.Mkdirat(fd, n.Name, 0o700)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(fd, n.Name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return errMeanwhile
	}
	return nil
}

// check reads the local files of equal size that are not recorded, and returns those that must be fetched.
func (p *puller) check(ctx context.Context) []Step {
	var mu sync.Mutex
	var fetch []Step
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(readers(), len(p.plan.Checks)) {
		group.Go(func() {
			buf := make([]byte, 0, client.MaxObjectsBody)
			for ctx.Err() == nil && !p.stopped() {
				i := int(next.Add(1)) - 1
				if i >= len(p.plan.Checks) {
					return
				}
				s := p.plan.Checks[i]
				h, err := localHash(ctx, p.at, s.Dst.Path(), s.Dst, buf)
				if err == nil && h == s.Src.Hash {
					p.skip(s.Src)
					p.equal(s)
					continue
				}
				if err != nil && ctx.Err() == nil {
					p.skip(s.Src)
					p.problemAt(s.Src, "read the local file", err)
					continue
				}
				mu.Lock()
				fetch = append(fetch, s)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return fetch
}

// equal deals with a local file that proved to hold what the server holds.
func (p *puller) equal(s Step) {
	if !sameFacts(s.Src, s.Dst) {
		p.setLocal(s)
		return
	}
	p.file(Unchanged, s.Src)
	s.Dst.Hash, s.Dst.Hashed = s.Src.Hash, true
	if f, ok := saved(s.Dst.Path(), s.Dst, p.began); ok {
		p.mu.Lock()
		p.records = append(p.records, f)
		p.mu.Unlock()
	}
}

// setLocal gives a local file or link the server's mode and time.
func (p *puller) setLocal(s Step) {
	if err := p.setOne(s.Src); err != nil {
		p.problemAt(s.Src, "set mode and time", err)
		return
	}
	p.file(Set, s.Src)
}

func (p *puller) setOne(n *Node) error {
	if n.Kind == proto.KindLink {
		fd, err := p.at.folder(n.Parent.Path())
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return setTime(fd, n.Name, n.Mtime)
	}
	return setFacts(p.at, n.Path(), n, 0)
}

// setFacts sets mode and time of a file or folder through a descriptor, so that no link is followed. more is O_DIRECTORY
// or 0.
func setFacts(at *beneath, rel string, n *Node, more int) error {
	fd, err := at.open(rel, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|more, 0)
	byPath := errors.Is(err, unix.EACCES)
	if byPath { // not readable, but perhaps ours: the descriptor's own path leads to nothing else
		fd, err = at.open(rel, unix.O_PATH|more, 0)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !byPath {
		if err := unix.Fchmod(fd, n.Mode); err != nil {
			return fmt.Errorf("set the mode: %w", err)
		}
		return setTimeOf(fd, n.Mtime)
	}
	self := fmt.Sprintf("/proc/self/fd/%d", fd)
	if err := unix.Chmod(self, n.Mode); err != nil {
		return fmt.Errorf("set the mode: %w", err)
	}
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, timespec(n.Mtime)}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, self, ts, 0); err != nil {
		return fmt.Errorf("set the time: %w", err)
	}
	return nil
}

// finishFolders gives folders their mode and time, deepest first, as work in a folder changes its time.
func (p *puller) finishFolders() {
	for i := len(p.plan.Folders) - 1; i >= 0; i-- {
		f := p.plan.Folders[i]
		root := f.Src.Parent == nil
		if p.lost[f.Src] || root && len(p.Path) == 0 || f.Dst != nil && f.Dst.Unknown {
			continue
		}
		if f.Dst != nil && !f.Differs && !p.touched[f.Src] {
			continue
		}
		if err := setFacts(p.at, f.Src.Path(), f.Src, unix.O_DIRECTORY); err != nil {
			p.problemAt(f.Src, "set mode and time of the folder", err)
			continue
		}
		if f.Dst != nil && f.Differs {
			p.folder(Set, f.Src)
		}
	}
}

// removeLocal deletes local names; what is no longer as the scan saw it stays.
func (p *puller) removeLocal(list []*Node) {
	for _, n := range list {
		fd, err := p.at.folder(n.Parent.Path())
		if err != nil {
			p.problemAt(n, "delete", err)
			continue
		}
		if err := p.removeAt(fd, n); err != nil {
			if errors.Is(err, errMeanwhile) {
				p.problem(Problem{Path: n.Path(), Conflict: true, Reason: err.Error()})
			} else {
				p.problemAt(n, "delete", err)
			}
		} else {
			p.deleted(n)
		}
		unix.Close(fd)
		p.touchPeer(n.Parent)
	}
}

func (p *puller) removeAt(fd int, n *Node) error {
	if !n.IsFolder() {
		if err := unchangedHere(fd, n.Name, n); err != nil {
			return err
		}
		if err := unix.Unlinkat(fd, n.Name, 0); err != nil {
			return err
		}
		p.gone = append(p.gone, n.Path())
		return nil
	}
	below, err := retry(func() (int, error) {
		return unix.Openat(fd, n.Name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	defer unix.Close(below)
	for i := range n.Children {
		if err := p.removeAt(below, &n.Children[i]); err != nil {
			return err
		}
	}
	err = unix.Unlinkat(fd, n.Name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTEMPTY) {
		return errMeanwhile
	}
	return err
}

// touchPeer notes that the local folder n was changed.
func (p *puller) touchPeer(n *Node) {
	at := p.root
	var names []string
	for ; n.Parent != nil; n = n.Parent {
		names = append(names, n.Name)
	}
	for i := len(names) - 1; i >= 0 && at != nil; i-- {
		at = at.child(names[i])
	}
	if at != nil && at.IsFolder() {
		p.touch(at)
	}
}

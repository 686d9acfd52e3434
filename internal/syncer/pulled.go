package syncer

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
	"sluice/internal/state"
)

// openFolder opens the local folder at the place of a remote one, and notes that it is about to be changed.
func (p *puller) openFolder(n *Node, path *[]byte) (int, error) {
	p.mu.Lock()
	lost := p.lost[n]
	p.touched[n] = true
	p.mu.Unlock()
	if lost {
		return -1, errors.New("it could not be made")
	}
	*path = n.AppendPath((*path)[:0])
	return p.at.folder(string(*path))
}

// skip counts a name for which there is nothing to be fetched, so that the display reaches its end.
func (p *puller) skip(n *Node) {
	p.progress.Done.Add(1)
	p.progress.DoneBytes.Add(n.Size)
}

// missed reports a name that was not fetched.
func (p *puller) missed(s Step, doing string, err error) {
	p.progress.Done.Add(1)
	if doing != naming { // then its bytes are counted
		p.progress.DoneBytes.Add(s.Src.Size)
	}
	switch {
	case errors.Is(err, errMeanwhile):
		p.problem(Problem{Path: s.Src.Path(), Conflict: true, Reason: err.Error()})
	case doing == "":
		p.problem(Problem{Path: s.Src.Path(), Reason: err.Error()})
	default:
		p.problemAt(s.Src, doing, err)
	}
}

// named tells of files that are there, and notes what they hold, if they are still as they were written.
func (p *puller) named(list []written) {
	for i := range list {
		p.progress.Done.Add(1)
		p.file(Sent, list[i].Src)
	}
	p.record(list)
}

// record is named's note.
func (p *puller) record(named []written) {
	if p.Records == nil {
		return
	}
	var path []byte
	var folder *Node
	fd := -1
	list := make([]state.Saved, 0, len(named))
	for i := range named {
		w := &named[i]
		if w.Src.Kind != proto.KindFile {
			continue
		}
		if w.Src.Parent != folder {
			if fd >= 0 {
				unix.Close(fd)
			}
			folder = w.Src.Parent
			path = folder.AppendPath(path[:0])
			var err error
			if fd, err = p.at.folder(string(path)); err != nil {
				fd = -1
			}
		}
		var st unix.Statx_t
		if fd < 0 || unix.Statx(fd, w.Src.Name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st) != nil {
			continue
		}
		now := Node{Hash: w.Src.Hash, Hashed: true}
		fill(&now, &st)
		if now.Mtime != w.Src.Mtime || now.Size != w.Src.Size {
			continue
		}
		if f, ok := saved(w.Src.Path(), &now, time.Now()); ok {
			list = append(list, f)
		}
	}
	if fd >= 0 {
		unix.Close(fd)
	}
	p.mu.Lock()
	p.records = append(p.records, list...)
	p.mu.Unlock()
}

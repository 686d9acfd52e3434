package syncer

import (
	"path/filepath"
	"time"

	"sluice/internal/proto"
	"sluice/internal/state"
)

// settle is how long a file must have been left alone before its facts tell it from a later change: kernels stamp
// times by a tick of at most 10 ms, so two changes within one look alike.
const settle = 20 * time.Millisecond

// settleCoarse is settle where times are kept in whole seconds, or in every other one.
const settleCoarse = 2*time.Second + settle

// yetToCome is how far a ctime lies ahead that a clock has left which was put back since, and not another machine's clock:
// what is written from now on gets no such time.
const yetToCome = 24 * time.Hour

// fresh says whether what has this ctime, and was not read before a time, may have been changed after it was read without its
// facts telling.
func fresh(ctime int64, read time.Time) bool {
	granule := settle
	if ctime%int64(time.Second) == 0 {
		granule = settleCoarse
	}
	age := time.Duration(read.UnixNano() - ctime)
	return age < granule && age > -yetToCome
}

// Records is what is remembered about one local folder between runs. Losing it costs time only.
type Records struct {
	*state.Root
	state *state.State
}

// OpenRecords opens the records in the state file at path for the folder dir and a server, known here as remote.
func OpenRecords(path, remote, server, dir string) (*Records, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	s, err := state.Open(path)
	if err != nil {
		return nil, err
	}
	root, err := s.Root(remote, server, abs)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &Records{Root: root, state: s}, nil
}

// Close closes the state file.
func (r *Records) Close() error { return r.state.Close() }

// recall gives the local files the hashes that were recorded for exactly the facts they have now.
func recall(root *Node, all map[string]state.File) {
	if len(all) == 0 {
		return
	}
	var path []byte
	var below func(n *Node)
	below = func(n *Node) {
		for i := range n.Children {
			c := &n.Children[i]
			if c.IsFolder() {
				below(c)
				continue
			}
			if c.Kind != proto.KindFile {
				continue
			}
			path = c.AppendPath(path[:0])
			f, ok := all[string(path)]
			if ok && f.Size == c.Size && f.Mtime == c.Mtime && f.Inode == c.Ino && f.Ctime == c.Ctime {
				c.Hash, c.Hashed = f.Hash, true
			}
		}
	}
	below(root)
}

// saved makes a record of a local file whose facts were taken at now or later, or says that they are too fresh to be
// told from a later change.
func saved(path string, n *Node, now time.Time) (state.Saved, bool) {
	if n.Kind != proto.KindFile || !n.Hashed || fresh(n.Ctime, now) {
		return state.Saved{}, false
	}
	return state.Saved{Path: path, File: state.File{Size: n.Size, Mtime: n.Mtime, Inode: n.Ino, Ctime: n.Ctime, Hash: n.Hash}}, true
}

package syncer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/mirror"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// Folder is a local folder that is kept in sync: the local side of a mirror.
type Folder struct {
	dir     string // absolute
	at      *beneath
	dev     uint64
	ino     uint64
	look    bool
	flags   *Filter
	sets    []string // names of folders in which nothing is left alone
	ignored *ignored // as of the last scan
	temps   temps
	synced  bool            // Sync has been called
	touched map[string]bool // folders whose names, and files whose facts, are not durable yet
	buf     []byte          // for Hash
}

var _ mirror.Folder = (*Folder)(nil)

// FolderOptions say how a folder is opened.
type FolderOptions struct {
	Filter *Filter // what is left alone beside what the ignore files say; decides before them; may be nil
	// Sets are names of folders that are one thing with all they hold: in them nothing is left alone.
	Sets []string
	// Look opens it to be looked at only: others may be at work in it, and nothing is removed.
	Look bool
}

// OpenFolder opens a folder. Whoever does more than look has it alone: exit code 5 while another sync or pull is at work in it.
func OpenFolder(dir string, o FolderOptions) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	at, err := openBeneath(abs)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, coded(client.ExitNotFound, "%s: there is no such folder", Terminal(dir))
	case errors.Is(err, unix.ENOTDIR):
		return nil, coded(client.ExitUsage, "%s is not a folder", Terminal(dir))
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", Terminal(dir), err)
	}
	var st unix.Stat_t
	err = fstat(at.fd, &st)
	if err == nil && !o.Look {
		err = lockFolder(at, dir)
	}
	if err != nil {
		at.close()
		return nil, err
	}
	f := &Folder{dir: abs, at: at, dev: st.Dev, ino: st.Ino, look: o.Look, flags: o.Filter, sets: o.Sets, ignored: newIgnored(), touched: make(map[string]bool)}
	f.temps.init()
	return f, nil
}

// Close closes the folder. What is not durable yet becomes so when the system finds the time.
func (f *Folder) Close() error {
	f.at.close()
	return nil
}

// Scan is mirror.Folder's. Special files are Excluded. A part that is not there, or is no folder, is seen in the nearest folder
// above it that is; one whose ignore file has changed is looked at with all below it.
func (f *Folder) Scan(ctx context.Context, parts []mirror.Part) (*reconcile.Tree, []mirror.Problem, error) {
	files := f.ignored
	if parts == nil {
		files = newIgnored()
	}
	s, err := scanPart(ctx, f.at, rules{flags: f.flags, files: files, sets: f.sets}, wanted(parts))
	if err != nil {
		return nil, nil, err
	}
	f.ignored = files
	if f.sweep(ctx, s) {
		return f.Scan(ctx, parts)
	}
	problems := make([]mirror.Problem, len(s.problems))
	for i, p := range s.problems {
		problems[i] = mirror.Problem{Path: p.Path, Reason: p.Reason, Err: p.Err, Skipped: p.Skipped}
	}
	return treeOf(&s.root), problems, nil
}

// treeOf makes a tree of what was scanned.
func treeOf(root *Node) *reconcile.Tree {
	top := new(reconcile.Entry)
	entryFrom(top, root)
	tree := reconcile.NewTree(top)
	hang(top, root)
	return tree
}

func hang(parent *reconcile.Entry, n *Node) {
	if len(n.Children) == 0 {
		return
	}
	list := make([]reconcile.Entry, len(n.Children))
	parent.Children = make(map[string]*reconcile.Entry, len(list))
	for i := range n.Children {
		e, c := &list[i], &n.Children[i]
		entryFrom(e, c)
		e.Parent = parent
		parent.Children[e.Name] = e
		hang(e, c)
	}
}

// entryFrom gives an entry what is known of a local name.
func entryFrom(e *reconcile.Entry, n *Node) {
	e.Name, e.Kind, e.Size, e.Mode, e.Mtime = n.Name, n.Kind, n.Size, n.Mode, n.Mtime
	e.Hash, e.Hashed = n.Hash, n.Hashed
	e.Facts = factsOfNode(n)
	e.Unknown, e.Part = n.Unknown, n.Part
	e.Excluded = n.Excluded || n.Kind == kindSpecial && !n.Unknown
	if n.Kind == proto.KindLink {
		e.Mode = 0o777
	}
}

func factsOfNode(n *Node) reconcile.Facts {
	return reconcile.Facts{Size: n.Size, Mtime: n.Mtime, Ctime: n.Ctime, Ino: n.Ino, Born: n.Born}
}

// nodeOf is what an entry says of a local name.
func nodeOf(e *reconcile.Entry, path string, top *Node) *Node {
	f := &e.Facts
	return &Node{Name: path, Parent: top, Kind: e.Kind, Mode: e.Mode, Size: f.Size, Mtime: f.Mtime, Ctime: f.Ctime, Ino: f.Ino, Born: f.Born}
}

// Hash is mirror.Folder's. Of a link it reads the target.
func (f *Folder) Hash(ctx context.Context, e *reconcile.Entry) error {
	path, began := e.Path(), time.Now()
	n := nodeOf(e, path, new(Node))
	var err error
	if e.Kind == proto.KindLink {
		err = readLink(f.at, path, n)
	} else {
		if f.buf == nil {
			f.buf = make([]byte, 0, hashBuffer)
		}
		n.Hash, err = localHash(ctx, f.at, path, n, f.buf)
	}
	if err != nil {
		return meanwhile(err)
	}
	takeRead(e, n, began)
	return nil
}

// hashBuffer is the size up to which a file is read at once to be hashed.
const hashBuffer = 256 << 10

// takeRead gives an entry what was read of it. Facts that a later change could have too, as they are too fresh, are not taken
// for the truth: with another ctime the entry will be read again.
func takeRead(e *reconcile.Entry, n *Node, began time.Time) {
	e.Kind, e.Hash, e.Hashed, e.Size, e.Mtime, e.Facts = n.Kind, n.Hash, true, n.Size, n.Mtime, factsOfNode(n)
	if n.Kind != proto.KindLink {
		e.Mode = n.Mode
	}
	if fresh(n.Ctime, began) {
		e.Facts.Ctime = 0
	}
}

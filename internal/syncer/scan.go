package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// tempPrefix begins the names of a pull's temporary files. They are never part of a tree.
const tempPrefix = ".sluice-tmp-"

// scanWorkers is how many goroutines read folders: with warm caches the cores are the limit, with cold ones the disk
// likes a few requests at once.
const scanWorkers = 4

// maxTarget is more than the target of any link on Linux (PATH_MAX).
const maxTarget = 4096

// scanned is a local tree and what is to be said about it.
type scanned struct {
	root     Node
	problems []Problem
	leftover []string // temporary files of a pull that was killed
}

// scan reads the tree below b. Folders that cannot be read are reported and marked Unknown; the scan goes on.
func scan(ctx context.Context, b *beneath, f *Filter) (*scanned, error) {
	return scanPart(ctx, b, rules{flags: f}, nil)
}

// scanPart is scan of what is wanted; nil: of all.
func scanPart(ctx context.Context, b *beneath, r rules, w *want) (*scanned, error) {
	s := &scanner{at: b, ignores: r.files != nil}
	s.wake.L = &s.mu
	root := &s.out.root
	root.Kind = proto.KindFolder
	var st unix.Statx_t
	if err := statAt(b.fd, &dot[0], unix.AT_EMPTY_PATH, &st); err != nil {
		return nil, fmt.Errorf("look at the folder: %w", err)
	}
	fill(root, &st)
	s.todo = append(s.todo, visit{n: root, want: w, rules: r})
	s.open = 1
	var group sync.WaitGroup
	for range scanWorkers {
		group.Go(func() { s.work(ctx) })
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sortProblems(s.out.problems)
	return &s.out, nil
}

// dot is the empty path for AT_EMPTY_PATH.
var dot = [1]byte{0}

type scanner struct {
	at      *beneath
	ignores bool // ignore files count

	mu   sync.Mutex
	wake sync.Cond
	todo []visit // folders not yet read; the last is taken first, so that it stays short
	open int     // folders in todo or being read
	out  scanned
}

// visit is a folder to be read.
type visit struct {
	n     *Node
	want  *want // what of it; nil: all below
	rules rules // for what is in it
	set   bool  // it is a set, or in one: no rules count
}

func (s *scanner) work(ctx context.Context) {
	w := scanWorker{s: s, buf: make([]byte, 64<<10)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.todo) == 0 {
			if s.open == 0 {
				return
			}
			s.wake.Wait()
		}
		v := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		s.mu.Unlock()
		w.below = w.below[:0]
		if ctx.Err() == nil {
			w.read(v)
		}
		s.mu.Lock()
		s.todo = append(s.todo, w.below...)
		s.open += len(w.below) - 1
		if s.open == 0 || len(w.below) > 1 {
			s.wake.Broadcast()
		} else if len(w.below) == 1 {
			s.wake.Signal()
		}
	}
}

// scanWorker is one goroutine's working space.
type scanWorker struct {
	s     *scanner
	buf   []byte // for getdents
	names []byte // all names of the folder at hand, NUL-terminated as statx wants them
	ends  []int
	types []byte // what getdents calls them, if they were listed
	path  []byte
	below []visit
	st    unix.Statx_t
}

// read reads one folder: its names, then the facts of each.
func (w *scanWorker) read(v visit) {
	n := v.n
	w.path = n.AppendPath(w.path[:0])
	fd, err := w.s.at.folder(string(w.path))
	if err != nil {
		n.Unknown = true
		w.problem(n, "read the folder", err)
		return
	}
	defer unix.Close(fd)
	if !v.want.whole() {
		n.Part = w.only(fd, v.want)
	}
	if !n.Part {
		if err := w.list(fd, &v); err != nil {
			n.Unknown = true
			w.problem(n, "read the folder", err)
		}
	}
	if w.s.ignores && !v.set {
		if v, err = w.ignoreFiles(fd, v); err != nil {
			n.Unknown = true
			w.problem(n, "read what is to be ignored", err)
			return
		}
	}
	if len(w.ends) > manyNames && !n.Part {
		w.thin(&v, v.rules)
	}
	if len(w.ends) == 0 {
		return
	}
	all := string(w.names)
	children := make([]Node, 0, len(w.ends))
	base := len(w.path)
	start := 0
	for _, end := range w.ends {
		name := all[start:end]
		pointer := &w.names[start]
		start = end + 1
		if strings.HasPrefix(name, tempPrefix) {
			w.leftover(n, name)
			continue
		}
		children = append(children, Node{Name: name, Parent: n})
		c := &children[len(children)-1]
		if err := statAt(fd, pointer, unix.AT_SYMLINK_NOFOLLOW, &w.st); err != nil {
			if errors.Is(err, unix.ENOENT) {
				children = children[:len(children)-1]
				continue
			}
			c.Unknown = true
			c.Kind = kindSpecial
			w.problem(c, "look at the file", err)
			continue
		}
		fill(c, &w.st)
		if !v.set && !v.rules.empty() {
			w.path = append(w.path[:base], '/')
			if base == 0 {
				w.path = w.path[:0]
			}
			w.path = append(w.path, name...)
			if v.rules.excluded(string(w.path), c.IsFolder()) {
				c.Excluded = true
				continue
			}
		}
		switch c.Kind {
		case proto.KindLink:
			w.link(fd, c)
		case kindSpecial:
			w.add(Problem{Path: c.Path(), Skipped: true, Reason: special(w.st.Mode) + " skipped: only files, folders and links are kept"})
		}
	}
	slices.SortFunc(children, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	n.Children = children
	for i := range children {
		if c := &children[i]; c.IsFolder() && !c.Excluded {
			if next, ok := v.want.enter(c.Name); ok {
				w.below = append(w.below, visit{n: c, want: next, rules: v.rules, set: v.set || slices.Contains(v.rules.sets, c.Name)})
			} else {
				c.Part = true
			}
		}
	}
}

// list reads the names in a folder; of very many that are left alone by v, if there is one, only some are kept.
func (w *scanWorker) list(fd int, v *visit) error {
	w.names, w.ends, w.types = w.names[:0], w.ends[:0], w.types[:0]
	for most := veryMany; ; {
		if v != nil && len(w.ends) > most {
			if r, err := v.rules.enter(fd, string(w.path)); err == nil {
				w.thin(v, r)
			}
			most = len(w.ends) + veryMany
		}
		n, err := retry(func() (int, error) { return unix.Getdents(fd, w.buf) })
		if err != nil || n == 0 {
			return err
		}
		for b := w.buf[:n]; len(b) > 0; {
			// struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name
			length, kind := int(*(*uint16)(unsafe.Pointer(&b[16]))), b[18]
			name := b[19:length]
			b = b[length:]
			end := 0
			for name[end] != 0 {
				end++
			}
			name = name[:end]
			if end == 1 && name[0] == '.' || end == 2 && name[0] == '.' && name[1] == '.' {
				continue
			}
			w.names = append(w.names, name...)
			w.ends = append(w.ends, len(w.names))
			w.types = append(w.types, kind)
			w.names = append(w.names, 0)
		}
	}
}

const (
	manyNames = 64   // in a folder of more, most of the files that are left alone are not even looked at
	fewNames  = 16   // of these; they say that the folder is not empty
	veryMany  = 8192 // names are not gathered before they are thinned
)

// thin forgets most of the files in a folder that are left alone, so that a million of them cost neither memory nor statx.
func (w *scanWorker) thin(v *visit, r rules) {
	if !w.s.ignores || v.set || r.empty() {
		return
	}
	base := len(w.path)
	start, at, count, spared := 0, 0, 0, 0
	for i, end := range w.ends {
		name := w.names[start:end]
		start = end + 1
		kind := w.types[i]
		if kind != unix.DT_DIR && kind != unix.DT_UNKNOWN && !bytes.HasPrefix(name, []byte(tempPrefix)) && !bytes.HasPrefix(name, []byte(IgnoreFile)) {
			w.path = w.path[:base]
			if base > 0 {
				w.path = append(w.path, '/')
			}
			w.path = append(w.path, name...)
			if r.excluded(unsafe.String(&w.path[0], len(w.path)), false) {
				if spared++; spared > fewNames {
					continue
				}
			}
		}
		at += copy(w.names[at:], name)
		w.names[at] = 0
		w.ends[count], w.types[count] = at, kind
		at, count = at+1, count+1
	}
	w.path, w.names, w.ends, w.types = w.path[:base], w.names[:at], w.ends[:count], w.types[:count]
}

// link reads a link's target: it is the link's content.
func (w *scanWorker) link(fd int, c *Node) {
	if err := c.readTarget(fd, c.Name); err != nil {
		c.Unknown = true
		w.problem(c, "read the link", err)
	}
}

// readTarget reads what the link name in a folder holds; "": the link that is open.
func (n *Node) readTarget(fd int, name string) error {
	var target [maxTarget]byte
	length, err := retry(func() (int, error) { return unix.Readlinkat(fd, name, target[:]) })
	if err != nil {
		return err
	}
	n.Target = string(target[:length])
	n.Size = int64(length)
	n.Hash = hash.Sum(target[:length])
	n.Hashed = true
	return nil
}

// readLink reads a link; n takes its facts and its target.
func readLink(at *beneath, rel string, n *Node) error {
	fd, err := at.open(rel, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := statFd(fd, n); err != nil {
		return err
	}
	if n.Kind != proto.KindLink {
		return errMeanwhile
	}
	return n.readTarget(fd, "")
}

func (w *scanWorker) leftover(n *Node, name string) {
	c := Node{Name: name, Parent: n}
	w.s.mu.Lock()
	w.s.out.leftover = append(w.s.out.leftover, c.Path())
	w.s.mu.Unlock()
}

func (w *scanWorker) problem(n *Node, doing string, err error) {
	w.add(Problem{Path: n.Path(), Reason: doing + ": " + err.Error(), Err: err})
}

func (w *scanWorker) add(p Problem) {
	w.s.mu.Lock()
	w.s.out.problems = append(w.s.out.problems, p)
	w.s.mu.Unlock()
}

// statAt is statx by a name that is already NUL-terminated, so that 10,000 names cost no allocation.
func statAt(fd int, name *byte, flags int, st *unix.Statx_t) error {
	for {
		_, _, e := unix.Syscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(name)), uintptr(flags),
			unix.STATX_BASIC_STATS|unix.STATX_BTIME, uintptr(unsafe.Pointer(st)), 0)
		if e == 0 {
			return nil
		}
		if e != unix.EINTR {
			return e
		}
	}
}

// fill takes what counts from statx.
func fill(n *Node, st *unix.Statx_t) {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		n.Kind = proto.KindFile
		n.Size = int64(st.Size)
	case unix.S_IFDIR:
		n.Kind = proto.KindFolder
	case unix.S_IFLNK:
		n.Kind = proto.KindLink
	default:
		n.Kind = kindSpecial
	}
	n.Mode = uint32(st.Mode) & 0o777
	n.Mtime = st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec)
	n.Ctime = st.Ctime.Sec*1e9 + int64(st.Ctime.Nsec)
	n.Dev, n.Ino = unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino
	n.Born = 0
	if st.Mask&unix.STATX_BTIME != 0 {
		n.Born = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
}

// special names a kind of file that is not kept.
func special(mode uint16) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return "named pipe"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "device"
	}
	return "special file"
}

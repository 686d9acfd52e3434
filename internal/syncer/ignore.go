package syncer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// The files that say what a sync leaves alone, in the folder they stand in and below it. The first is synced itself; the
// second is this device's own, and decides before any of the first kind.
const (
	IgnoreFile      = ".sluiceignore"
	localIgnoreFile = ".sluiceignore.local"
)

// maxIgnoreFile is more than anybody writes into such a file.
const maxIgnoreFile = 4 << 20

// rules are what counts for the names in one folder. The zero value ignores nothing.
type rules struct {
	flags *Filter // of the command line: decides before all files; may be nil
	files *ignored
	sets  []string // names of folders in which nothing is left alone
	// Ignore files, the nearest first.
	local, synced *level
}

// level is one ignore file.
type level struct {
	up     *level
	base   string // its folder
	file   string // its path
	text   string
	filter Filter
}

// ignored is what the ignore files said when they were last read.
type ignored struct {
	mu      sync.Mutex
	folders map[string]rules // those that have such a file
}

func newIgnored() *ignored { return &ignored{folders: make(map[string]rules)} }

func (r *rules) empty() bool { return r.files == nil && r.flags.Empty() }

// excluded says whether a name in the folder is left alone.
func (r *rules) excluded(rel string, folder bool) bool {
	_, _, out := r.why(rel, folder)
	return out
}

// why tells the pattern that decides about a name in the folder, and where it stands: "" is the command line. The pattern is
// nil if none decides.
func (r *rules) why(rel string, folder bool) (file string, p *pattern, out bool) {
	if p := r.flags.decides(rel, folder); p != nil {
		return "", p, !p.not
	}
	if r.files == nil {
		return "", nil, false
	}
	_, name := cutPath(rel)
	if name == localIgnoreFile {
		return "", nil, true
	}
	lists := [2]*level{r.local, r.synced}
	if name == IgnoreFile && !folder {
		lists[1] = nil // else devices would go by different rules
	}
	for _, l := range lists {
		for ; l != nil; l = l.up {
			below := rel
			if l.base != "" {
				below = rel[len(l.base)+1:]
			}
			if p := l.filter.decides(below, folder); p != nil {
				return l.file, p, !p.not
			}
		}
	}
	return "", nil, false
}

// enter is the rules for what is in the folder base, which lies open at fd: those it has, and its own files.
func (r rules) enter(fd int, base string) (rules, error) {
	for _, f := range [2]struct {
		name string
		list **level
	}{{IgnoreFile, &r.synced}, {localIgnoreFile, &r.local}} {
		text, err := readIgnore(fd, f.name)
		if err != nil {
			return r, fmt.Errorf("%s: %w", f.name, err)
		}
		if text == "" {
			continue
		}
		l := &level{up: *f.list, base: base, file: join(base, f.name), text: text}
		l.filter.parse(text)
		*f.list = l
	}
	return r, nil
}

// own are the texts of the files that stand in the folder base itself.
func (r *rules) own(base string) (texts [2]string) {
	for i, l := range [2]*level{r.synced, r.local} {
		if l != nil && l.base == base {
			texts[i] = l.text
		}
	}
	return texts
}

// readIgnore reads an ignore file; one that is not there, or is no plain file, says nothing.
func readIgnore(fd int, name string) (string, error) {
	file, err := retry(func() (int, error) {
		return unix.Openat(fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(file), name)
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxIgnoreFile+1))
	if err == nil && len(b) > maxIgnoreFile {
		err = fmt.Errorf("more than %d bytes of patterns", maxIgnoreFile)
	}
	return string(b), err
}

// note remembers the rules of a folder, and tells whether its own files say something else than before.
func (s *ignored) note(base string, r rules) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, now := s.folders[base], r.own(base)
	changed = old.own(base) != now
	if now == [2]string{} {
		delete(s.folders, base)
	} else {
		s.folders[base] = r
	}
	return changed
}

// over is the rules for the names in a folder by what is remembered.
func (s *ignored) over(folder string, top rules) rules {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if r, ok := s.folders[folder]; ok {
			return r
		}
		if folder == "" {
			return top
		}
		folder, _ = cutPath(folder)
	}
}

// join is the path of a name in a folder.
func join(folder, name string) string {
	if folder == "" {
		return name
	}
	return folder + "/" + name
}

// ignoreFiles reads the ignore files of a folder that is being scanned. Where they have changed, all below it is looked at.
func (w *scanWorker) ignoreFiles(fd int, v visit) (visit, error) {
	base := string(w.path)
	if v.n.Part || w.lists(IgnoreFile) || w.lists(localIgnoreFile) {
		var err error
		if v.rules, err = v.rules.enter(fd, base); err != nil {
			return v, err
		}
	}
	if v.rules.files.note(base, v.rules) && v.want != nil {
		v.want = nil
		if v.n.Part {
			v.n.Part = false
			return v, w.list(fd, &v)
		}
	}
	return v, nil
}

// lists says whether a name is among those that were listed.
func (w *scanWorker) lists(name string) bool {
	start := 0
	for _, end := range w.ends {
		if string(w.names[start:end]) == name {
			return true
		}
		start = end + 1
	}
	return false
}

// ignoredBelow says whether a path is left alone: by a pattern for it, or for a folder it is in.
func ignoredBelow(path string, folder bool, of func(folder string) rules) bool {
	for i := range len(path) {
		if path[i] == '/' {
			r := of(parentOf(path[:i]))
			if r.excluded(path[:i], true) {
				return true
			}
		}
	}
	r := of(parentOf(path))
	return r.excluded(path, folder)
}

func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

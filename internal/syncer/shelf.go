package syncer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// shelf is a folder in which files of one kind are remembered between runs; a folder "" remembers nothing. All in it may be
// removed at any time, so whoever reads a file tells from its bytes whether it is whole.
//
// Several programs may use the folder at once. A file is written under another name and renamed, so it is always what one
// of them has written.
type shelf struct{ dir, suffix string }

// Limits of a shelf.
const (
	maxShelved    = 64        // files: the oldest go
	maxShelvedLen = 512 << 20 // bytes of a file: more than maxKept names of usual length take
	// deadTemp is the age at which a temporary file is the rest of a program that was killed.
	deadTemp = time.Hour
)

func (s shelf) path(name string) string { return filepath.Join(s.dir, name+s.suffix) }

// read gives a file that is at most so old (0: of any age); nil: there is none.
func (s shelf) read(name string, age time.Duration) []byte {
	if s.dir == "" {
		return nil
	}
	path := s.path(name)
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxShelvedLen {
		return nil
	}
	if is := time.Since(st.ModTime()); age > 0 && (is > age || is < -age) {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return b
}

// write replaces a file; nil removes it. Nothing is synced: a power cut may leave anything.
func (s shelf) write(name string, b []byte) {
	if s.dir == "" {
		return
	}
	path := s.path(name)
	if !s.try(path, b) {
		os.Remove(path) // what could not be replaced is older than need be
	}
}

func (s shelf) try(path string, b []byte) bool {
	if b == nil || os.MkdirAll(s.dir, 0o700) != nil {
		return false
	}
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		s.tidy()
	}
	f, err := os.CreateTemp(s.dir, ".new-*") // 0600
	if err != nil {
		return false
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil || os.Rename(f.Name(), path) != nil {
		os.Remove(f.Name())
		return false
	}
	return true
}

// tidy makes room for one more file: the oldest go, and what killed programs left.
func (s shelf) tidy() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	type old struct {
		path string
		at   time.Time
	}
	var list []old
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		path := filepath.Join(s.dir, e.Name())
		switch {
		case strings.HasSuffix(e.Name(), s.suffix):
			list = append(list, old{path, info.ModTime()})
		case strings.HasPrefix(e.Name(), ".new-") && time.Since(info.ModTime()) > deadTemp:
			os.Remove(path)
		}
	}
	slices.SortFunc(list, func(a, b old) int { return a.at.Compare(b.at) })
	for len(list) >= maxShelved {
		os.Remove(list[0].path)
		list = list[1:]
	}
}

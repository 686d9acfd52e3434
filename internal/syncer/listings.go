package syncer

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Listings is the folder in which listings of the server's trees are remembered between runs; "" remembers nothing.
// All in it may be removed at any time: whatever is missing, cut short or not what it should be is listed anew.
//
// Several programs may use the folder at once. A file is written under another name and renamed, so it is always one
// whole listing; whichever is the last is true of its own journal number.
type Listings string

// Limits of the folder.
const (
	listingSuffix = ".listing"
	maxListings   = 64        // files: whoever pushes more folders than this lists the oldest anew
	maxListingLen = 512 << 20 // bytes of a file: more than maxKept names of usual length take
	// maxListingAge is how old a listing may be. What the server tells of deleted names it keeps for a time only.
	maxListingAge = 7 * 24 * time.Hour
	// deadTemp is the age at which a temporary file is the rest of a program that was killed.
	deadTemp = time.Hour
)

func (l Listings) path(k listingKey) string {
	mark := k.mark()
	return filepath.Join(string(l), hex.EncodeToString(mark[:12])+listingSuffix)
}

// read gives what is remembered; nil: nothing.
func (l Listings) read(k listingKey) *view {
	if l == "" {
		return nil
	}
	path := l.path(k)
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxListingLen {
		return nil
	}
	if age := time.Since(st.ModTime()); age > maxListingAge || age < -maxListingAge {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return decode(k, b)
}

// write remembers a view. Nothing is synced: after a power cut the sum in the file tells whether it is whole.
func (l Listings) write(k listingKey, v *view) {
	if l == "" {
		return
	}
	path := l.path(k)
	if !l.try(path, encode(k, v)) {
		os.Remove(path) // what could not be replaced is older than need be
	}
}

func (l Listings) try(path string, b []byte) bool {
	if b == nil || os.MkdirAll(string(l), 0o700) != nil {
		return false
	}
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		l.tidy()
	}
	f, err := os.CreateTemp(string(l), ".new-*") // 0600
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
func (l Listings) tidy() {
	entries, err := os.ReadDir(string(l))
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
		path := filepath.Join(string(l), e.Name())
		switch {
		case strings.HasSuffix(e.Name(), listingSuffix):
			list = append(list, old{path, info.ModTime()})
		case strings.HasPrefix(e.Name(), ".new-") && time.Since(info.ModTime()) > deadTemp:
			os.Remove(path)
		}
	}
	slices.SortFunc(list, func(a, b old) int { return a.at.Compare(b.at) })
	for len(list) >= maxListings {
		os.Remove(list[0].path)
		list = list[1:]
	}
}

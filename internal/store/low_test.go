package store

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

// Below the low-space mark every way to upload is refused before a byte is sent, and what names or frees goes on; with room
// again it is noticed at once.
func TestLowSpace(t *testing.T) {
	data := smallDisk(t, "64m")
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	kept := bytesOf(1, 5000)
	_, err := put(s, w, kept)
	must(t, err)
	open := openUpload(t, s, w, -1)
	d, err := s.disk()
	must(t, err)
	mark := s.keptFree(d)
	if mark != d.size/lowShare || s.lowSpace() {
		t.Fatalf("%d of %d bytes are kept free; low: %v", mark, d.size, s.lowSpace())
	}
	ballast := s.folder.in("page")
	fd, err := unix.Open(ballast, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	must(t, err)
	defer unix.Close(fd)
	must(t, allocate(fd, 0, d.free-mark+page))
	s.free.set(0, now0) // a second later
	if !s.lowSpace() {
		t.Error("it is not low")
	}
	content := bytesOf(2, 100)
	refused := map[string]error{}
	_, refused["a small content"] = put(s, w, content)
	_, refused["a file"] = put(s, w, bytesOf(3, 300<<10))
	_, refused["an upload"] = s.UploadOpen(w, newOnce(12), Opening{Size: 1 << 20}, numberReply)
	_, refused["a chunk of one of open size"] = s.ChunkBegin(w, open, 0, 100, hash.ChunkValue(content, 0))
	for what, err := range refused {
		if !errors.Is(err, ErrLowSpace) || !errors.Is(err, ErrSpace) || !strings.Contains(err.Error(), "keeps 4 MiB") {
			t.Errorf("%s: %v", what, err)
		}
	}
	mustApply(t, s, w, fileOf(w.Root, "a", kept))
	must(t, s.sweep(t.Context(), afterHolds()))
	must(t, os.Truncate(ballast, 0))
	_, err = put(s, w, content)
	must(t, err)
	must(t, chunk(s, w, open, 0, content))
	audit(t, data, true)
}

var now0 = time.Unix(1e9, 0)

// What was found free is not promised twice within the second.
func TestFreeSpaceIsPromisedOnce(t *testing.T) {
	var f freeSpace
	f.set(100, now0)
	if !f.take(60, now0) || f.take(60, now0) || !f.take(40, now0) {
		t.Error("100 bytes are 60 and 40")
	}
	f.set(100, now0)
	if f.take(1, now0.Add(freeKept)) {
		t.Error("an old look is believed")
	}
}

package store

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk gives a data folder on a file system of so many bytes; only root may make one.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("cannot mount a small file system:", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	data := filepath.Join(dir, "data")
	must(t, startUpQuietly(data))
	addAccount(t, data, "ann", 0)
	return data
}

// A disk that fills up refuses with ErrSpace, keeps what it has said is kept, and charges for nothing else; when there is
// room again it goes on.
func TestDiskFull(t *testing.T) {
	for _, test := range []struct {
		name string
		size int
	}{{"in memory", 50 << 10}, {"in a segment", 100 << 10}, {"in files", 3 << 20}} {
		t.Run(test.name, func(t *testing.T) {
			data := smallDisk(t, "24m")
			ballast := filepath.Join(data, "page")
			s := openSlot(t, data, 0, nil)
			w := account(t, s, "ann")
			fd, err := unix.Open(ballast, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
			must(t, err)
			defer unix.Close(fd)
			must(t, allocate(fd, 0, 6<<20))
			var kept [][]byte
			for i := uint64(1); ; i++ {
				content := bytesOf(i, test.size)
				_, err = put(s, w, content)
				if err != nil {
					break
				}
				kept = append(kept, content)
			}
			if !errors.Is(err, ErrSpace) || s.ReadOnly() {
				t.Fatal(err)
			}
			for range 20 { // and again, and nothing is lost to it
				if _, err := put(s, w, bytesOf(1<<20, test.size)); !errors.Is(err, ErrSpace) {
					t.Fatal(err)
				}
			}
			if held := usage(t, s, w); held != int64(len(kept)*test.size) {
				t.Errorf("charged %d for %d contents", held, len(kept))
			}
			wantContents(t, s, w, kept...)
			must(t, unix.Ftruncate(fd, 0))
			more := bytesOf(1<<21, test.size)
			if _, err := put(s, w, more); err != nil {
				t.Errorf("with room again: %v", err)
			}
			wantContents(t, s, w, more)
			audit(t, data, true)
		})
	}
}

// An upload the disk has no room for is refused at once, leaves nothing behind, and its key may be used again.
func TestUploadLargerThanTheDisk(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	if _, err := s.UploadOpen(w, newOnce(12), Opening{Size: uploadChunks * ChunkSize}, numberReply); !errors.Is(err, ErrSpace) {
		t.Fatal(err)
	}
	if held := usage(t, s, w); held != 0 {
		t.Errorf("charged %d", held)
	}
	audit(t, data, true)
}

// An allocation that fails after the rows are there takes them back.
func TestUploadTakenBack(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	key := newOnce(12)
	raw, err := s.UploadOpen(w, key, Opening{Size: 5000}, numberReply)
	must(t, err)
	must(t, s.takeBack(w, key, 1))
	if held := usage(t, s, w); held != 0 {
		t.Errorf("charged %d", held)
	}
	audit(t, data, true)
	again, err := s.UploadOpen(w, key, Opening{Size: 5000}, numberReply)
	if err != nil || string(again) == string(raw) {
		t.Error(string(again), err)
	}
}

// An upload for which no room was taken ahead, on a disk that fills up: the chunk is refused, the space comes back, the others
// stay.
func TestUploadOnAFullDisk(t *testing.T) {
	for name, open := range map[string]Opening{"open size": {Size: -1}, "sparse": {Size: 4 * ChunkSize, Sparse: true}} {
		t.Run(name, func(t *testing.T) {
			data := smallDisk(t, "24m")
			s := openSlot(t, data, 0, nil)
			w := account(t, s, "ann")
			content := bytesOf(1, 4*ChunkSize)
			u, err := number(s.UploadOpen(w, newOnce(12), open, numberReply))
			must(t, err)
			there := int64(0)
			for ; there < 4 && err == nil; there++ {
				err = chunk(s, w, u, there, content)
			}
			there--
			if !errors.Is(err, ErrSpace) || there < 1 {
				t.Fatal(there, err)
			}
			charged := there * ChunkSize
			if open.Sparse { // as promised when it was opened
				charged = open.Size
			}
			if held := usage(t, s, w); held != charged {
				t.Errorf("charged %d for %d chunks", held, there)
			}
			if _, err := put(s, w, bytesOf(2, 1000)); err != nil {
				t.Errorf("there is room for a little: %v", err)
			}
			if _, err := s.UploadCancel(w, newOnce(32), u, nil); err != nil {
				t.Error(err)
			}
			if held := usage(t, s, w); held != 1000 {
				t.Errorf("charged %d", held)
			}
			audit(t, data, true)
		})
	}
}

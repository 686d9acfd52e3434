package torture

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/store"
)

// TestErrorSeenByAnother: the disk fails to take the bytes of one chunk while nobody waits for them, and a worker that syncs
// another chunk of the same upload is told of it. The kernel tells each descriptor once, and one that is opened later not at
// all. So a worker that shares a sync made through a younger descriptor must still find out about its own bytes.
func TestErrorSeenByAnother(t *testing.T) {
	t.Parallel()
	r := begin(t)
	r.needDisk("ext4")
	recorder := r.newRecorder(128 << 20)
	d := &disk{round: r, kind: "ext4", mount: r.mountPoint("disk")}
	d.attach(recorder.file())
	r.Cleanup(d.remove)
	d.format()
	d.plug()
	data := filepath.Join(d.mount, "data")
	s := r.newServer(data, 1) // for its account; the stores are here
	a, err := store.Open(store.Config{Data: data, Slot: 0})
	r.must(err)
	b, err := store.Open(store.Config{Data: data, Slot: 1})
	r.must(err)
	who, _, err := a.Login("ann", password, "torture", "here")
	r.must(err)
	const size = 4 * client.ChunkSize
	content := make([]byte, size)
	fill(content, r.seed)
	var upload int64
	_, err = a.UploadOpen(who, store.Once{Key: [16]byte{1}, Type: 12}, store.Opening{Size: size}, func(u int64, _ bool) []byte { upload = u; return []byte("opened") })
	r.must(err)
	begin := func(s *store.Store, index int64) *store.Chunk {
		r.Helper()
		part := content[index*client.ChunkSize : (index+1)*client.ChunkSize]
		c, err := s.ChunkBegin(who, upload, index, client.ChunkSize, chunkValue(part, index))
		r.must(err)
		p := c.Piece()
		for at := 0; at < len(part); {
			n, err := unix.Pwrite(p.FD, part[at:], p.Offset+int64(at))
			r.must(err)
			at += n
		}
		return c
	}
	unix.Sync()
	victim := begin(a, 0)
	other := begin(b, 1)
	// The kernel writes the victim's bytes by itself, and the disk refuses one block of them.
	needle := content[4096*5 : 4096*6]
	recorder.spoil(func(_ int64, data []byte) bool { return bytes.Contains(data, needle) })
	r.must(unix.SyncFileRange(other.Piece().FD, 0, client.ChunkSize, unix.SYNC_FILE_RANGE_WRITE))
	r.within(10*time.Second, "a failed write", func() bool { return recorder.spoiled() > 0 })
	time.Sleep(50 * time.Millisecond)
	if err := other.Finish(); !errors.Is(err, store.ErrReadOnly) {
		r.Fatalf("the other worker's sync, which is the first to be told: %v", err)
	}
	recorder.spoil(nil) // the disk is well again
	younger := begin(a, 2)
	third := begin(a, 3)
	// While one sync runs, two more wait for the next, which the younger one makes for both.
	results := make(chan error, 3)
	go func() { results <- third.Finish() }()
	time.Sleep(5 * time.Millisecond)
	go func() { results <- younger.Finish() }()
	time.Sleep(5 * time.Millisecond)
	err = victim.Finish()
	<-results
	<-results
	if err == nil {
		// Is it on the disk?
		r.must(b.Close())
		r.must(a.Close())
		d.unplug()
		d.plug()
		all, _ := filepath.Glob(filepath.Join(data, "objects/*/*"))
		for _, path := range all {
			kept, err := os.ReadFile(path)
			r.must(err)
			if !bytes.Equal(kept[:client.ChunkSize], content[:client.ChunkSize]) {
				r.Errorf("a chunk is told to be kept, and %s holds something else", filepath.Base(path))
			}
		}
	} else {
		if !errors.Is(err, store.ErrReadOnly) {
			r.Errorf("the victim's sync: %v", err)
		}
		b.Close()
		a.Close()
	}
	s.startUp()
	s.checkAll("afterwards")
}

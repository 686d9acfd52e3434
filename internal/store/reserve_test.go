package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// rival is another program on a small disk, which takes whatever becomes free.
type rival struct {
	*testing.T
	fd   int
	size int64
}

func newRival(t *testing.T, data string) *rival {
	t.Helper()
	fd, err := unix.Open(filepath.Join(filepath.Dir(data), "rival"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return &rival{T: t, fd: fd}
}

func (r *rival) takeAll() {
	r.Helper()
	for step := int64(1 << 20); step >= 4096; {
		switch err := unix.Fallocate(r.fd, 0, r.size, step); err {
		case nil:
			r.size += step
		case unix.ENOSPC:
			step /= 2
		default:
			r.Fatal(err)
		}
	}
}

func (r *rival) leave(bytes int64) {
	r.Helper()
	must(r.T, unix.Ftruncate(r.fd, 0))
	var st unix.Statfs_t
	must(r.T, unix.Fstatfs(r.fd, &st))
	r.size = max(int64(st.Bavail)*st.Bsize-bytes, 0)
	must(r.T, allocate(r.fd, 0, r.size))
}

// grow makes the database some pages longer, as deletes do.
func grow(s *Store) error {
	return s.writeAnyway(func(tx *db.Tx) error {
		table := db.TableOf(tx)
		if err := table.Run(`CREATE TABLE IF NOT EXISTS growth (b)`); err != nil {
			return err
		}
		return table.Run(`INSERT INTO growth VALUES (randomblob(30000))`)
	})
}

// left is what is left of a reserve.
func left(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return st.Size
}

// On a disk where another program takes whatever becomes free, what makes room is written again and again: the log is moved
// into the database, with room that nobody else can take.
func TestFullDiskWithARival(t *testing.T) {
	data := smallDisk(t, "24m")
	s := openSlot(t, data, 0, nil)
	rival := newRival(t, data)
	for range 4 {
		rival.takeAll()
		must(t, grow(s))
		rival.takeAll()
		s.checkpoint(false)
		if _, err := s.db.Checkpoint(false); err != nil {
			t.Fatalf("with %d bytes of the log's reserve left: %v", left(t, s.folder.logReserve()), err)
		}
	}
	if n := left(t, s.folder.logReserve()); n == 0 {
		t.Error("all of the log's reserve was given up")
	}
}

// When a full disk's reserve is spent the log's room is what names are deleted in. It is still there when the server was stopped and
// started again, whatever another program takes meanwhile.
func TestFullDiskWithARivalAtAStart(t *testing.T) {
	data := smallDisk(t, "24m")
	s, err := Open(Config{Data: data})
	must(t, err)
	rival := newRival(t, data)
	for i := 0; !s.reserveSpent(); i++ {
		rival.takeAll()
		must(t, grow(s))
		if i == 1000 {
			t.Fatal("the reserve is never spent")
		}
	}
	for range 2 {
		s.checkpoint(false) // as the keeper does within a second: nothing of the log is needed any more, but for its room
		rival.takeAll()
		must(t, s.Close())
		rival.takeAll()
		must(t, startUpQuietly(data))
		rival.takeAll()
		s, err = Open(Config{Data: data})
		must(t, err)
		rival.takeAll()
		s.checkpoint(false)
		rival.takeAll()
		must(t, grow(s))
	}
	rival.leave(10 << 20)
	s.fillReserves()
	must(t, s.Close())
	if _, err := os.Stat(s.folder.database() + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("with room again the log stays behind:", err)
	}
	for _, lock := range []string{s.folder.collectorLock(), s.folder.scrubLock()} { // on a full disk nobody could make them
		if _, err := os.Stat(lock); err != nil {
			t.Error(err)
		}
	}
}

// The keeper takes the room for what is in the log before the log is moved. When it has none but the log's reserve, uploads end,
// also while the other reserve is whole and there is some room again, until both are whole.
func TestLogReserve(t *testing.T) {
	data := smallDisk(t, "24m")
	s := openSlot(t, data, 0, nil)
	rival := newRival(t, data)
	whole := left(t, s.folder.logReserve())
	must(t, grow(s))
	rival.takeAll()
	s.lookAhead()
	rival.takeAll()
	drawn := left(t, s.folder.logReserve())
	if drawn == 0 || drawn >= whole {
		t.Errorf("%d of the log's reserve of %d bytes are left", drawn, whole)
	}
	if _, err := s.db.Checkpoint(false); err != nil {
		t.Error("the room was not taken:", err)
	}
	if n := pages(left(t, s.folder.reserve())); n != whole {
		t.Errorf("%d of the first reserve are left, of %d", n, whole)
	}
	rival.leave(s.keptFreeHere(t) + 100<<10)
	if err := s.mayUpload(1000); !errors.Is(err, errSpent) {
		t.Error("an upload while the log's reserve is broken:", err)
	}
	rival.leave(10 << 20)
	s.fillReserves()
	if n := left(t, s.folder.logReserve()); n != whole {
		t.Errorf("filled again to %d of %d bytes", n, whole)
	}
	if n := left(t, s.folder.reserve()); n != whole {
		t.Errorf("filled again to %d of %d bytes", n, whole)
	}
	if err := s.mayUpload(1000); err != nil {
		t.Error("with whole reserves:", err)
	}
}

func (s *Store) keptFreeHere(t *testing.T) int64 {
	t.Helper()
	d, err := s.disk()
	must(t, err)
	return s.keptFree(d)
}

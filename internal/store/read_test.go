package store

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

func TestRemembered(t *testing.T) {
	data := newFolder(t, 0)
	var changes atomic.Uint64
	s, err := Open(Config{Data: data, Changes: changes.Load, OnCommit: func() { changes.Add(1) }})
	must(t, err)
	defer s.Close()
	w := account(t, s, "ann")
	content := bytesOf(1, 5000)
	sum := hash.Sum(content)
	_, err = put(s, w, content)
	must(t, err)
	if s.Remembered(w, sum) != nil {
		t.Error("remembered what nobody asked for")
	}
	l, err := s.Find(w, sum)
	must(t, err)
	if s.Remembered(w, sum) != l {
		t.Error("not remembered")
	}
	if s.Remembered(Who{Account: 99}, sum) != nil {
		t.Error("remembered for another")
	}
	age := func(d time.Duration) {
		s.places.mu.Lock()
		defer s.places.mu.Unlock()
		key := placeKey{w.Account, sum}
		p := s.places.young[key]
		p.seen.at = p.seen.at.Add(-d)
		s.places.young[key] = p
	}
	age(time.Hour)
	if s.Remembered(w, sum) != l {
		t.Error("nothing was committed since")
	}
	changes.Add(1)
	if s.Remembered(w, sum) != nil {
		t.Error("remembered over a change")
	}
	if _, err := s.Find(w, sum); err != nil {
		t.Error(err)
	}
	changes.Add(1)
	if s.Remembered(w, sum) == nil {
		t.Error("a second has not passed")
	}
	all, err := s.FindAll(w, [][32]byte{sum, {1}, sum})
	if err != nil || all[0] == nil || all[1] != nil || all[2] == nil {
		t.Error(all, err)
	}
}

func TestPlacesAreBounded(t *testing.T) {
	s := new(Store)
	for i := range 3 * placesKept {
		s.places.keep(Who{}, [][32]byte{{byte(i), byte(i >> 8), byte(i >> 16)}}, []*Location{{}}, s.moment())
	}
	if n := len(s.places.young) + len(s.places.old); n > placesKept {
		t.Errorf("%d places", n)
	}
	last := 3*placesKept - 1
	if s.Remembered(Who{}, [32]byte{byte(last), byte(last >> 8), byte(last >> 16)}) == nil {
		t.Error("the last one was forgotten")
	}
}

func TestReadNow(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	contents := [][]byte{bytesOf(1, 5000), bytesOf(2, 70000), bytesOf(3, 200<<10), nil}
	_, err := put(s, w, contents...)
	must(t, err)
	for _, c := range contents[:3] {
		l, err := s.Find(w, hash.Sum(c))
		must(t, err)
		b := make([]byte, 4000)
		s.files.close() // knows no descriptor any more
		s.files.closed = false
		if _, ok := s.ReadNow(l, 0, b); ok {
			t.Error("read without a descriptor")
		}
		f, err := l.Open()
		must(t, err)
		f.Release()
		n, ok := s.ReadNow(l, 1000, b)
		if !ok {
			t.Skip("the file system does not say whether a page is in memory")
		}
		if n != 4000 || !bytes.Equal(b, c[1000:5000]) {
			t.Errorf("%d bytes", n)
		}
		if n, ok := s.ReadNow(l, l.Size-10, b); !ok || n != 10 || !bytes.Equal(b[:10], c[len(c)-10:]) {
			t.Errorf("at the end: %d bytes, %v", n, ok)
		}
		if n, ok := s.ReadNow(l, l.Size, b); !ok || n != 0 {
			t.Errorf("past the end: %d bytes, %v", n, ok)
		}
		if _, ok := s.ReadNow(l, -1, b); ok {
			t.Error("before the beginning")
		}
	}
	empty, err := s.Find(w, hash.Sum(nil))
	must(t, err)
	if n, ok := s.ReadNow(empty, 0, make([]byte, 5)); n != 0 || !ok {
		t.Error(n, ok)
	}
	f, err := empty.Open()
	must(t, err)
	defer f.Release()
	if f.FD() != -1 || f.ReadAt(nil, 0) != nil || f.ReadAt(make([]byte, 1), 0) != io.ErrUnexpectedEOF {
		t.Error("an empty content has bytes")
	}
}

// A reader cannot leave its content, whose neighbours lie in the same file.
func TestReadAtStaysInside(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	a, b := bytesOf(1, 100), bytesOf(2, 100)
	_, err := put(s, w, a, b)
	must(t, err)
	l, err := s.Find(w, hash.Sum(a))
	must(t, err)
	f, err := l.Open()
	must(t, err)
	defer f.Release()
	for _, test := range []struct {
		length int
		offset int64
	}{{101, 0}, {1, 100}, {100, 1}, {1, -1}, {0, 101}, {1, 1 << 62}} {
		if err := f.ReadAt(make([]byte, test.length), test.offset); err != io.ErrUnexpectedEOF {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestGoneFileIsNotFound(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	content := bytesOf(1, 200<<10)
	_, err := put(s, w, content)
	must(t, err)
	l, err := s.Find(w, hash.Sum(content))
	must(t, err)
	must(t, unix.Unlink(s.folder.object(l.file.number)))
	if _, err := l.Open(); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// Many readers of more files than are kept open: each reads its own, none is closed under a reader, none leaks.
func TestFilesAreCounted(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	var numbers []int64
	for i := range filesKept + 50 {
		number, fd, err := s.newObject()
		must(t, err)
		must(t, writeAt(fd, []byte{byte(i), byte(i >> 8)}, 0))
		unix.Close(fd)
		numbers = append(numbers, number)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i, number := range numbers {
				l := s.location(&db.Content{ID: number, Size: 2})
				f, err := l.Open()
				if err != nil {
					t.Error(err)
					return
				}
				var b [2]byte
				if err := f.ReadAt(b[:], 0); err != nil || b != [2]byte{byte(i), byte(i >> 8)} {
					t.Errorf("file %d holds %v, %v", i, b, err)
				}
				f.Release()
			}
		})
	}
	group.Wait()
	if n := filesOpen(t, data); n > filesKept || n != s.files.recent.Len() {
		t.Errorf("%d descriptors, %d kept", n, s.files.recent.Len())
	}
	f, err := s.location(&db.Content{ID: numbers[0], Size: 2}).Open()
	must(t, err)
	s.files.close()
	if err := f.ReadAt(make([]byte, 2), 0); err != nil {
		t.Error("closed under its reader")
	}
	f.Release()
	if n := filesOpen(t, data); n != 0 {
		t.Errorf("%d descriptors left", n)
	}
}

func TestTurns(t *testing.T) {
	var one turn
	var calls, running atomic.Int32
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			must(t, one.sync(func() error {
				if running.Add(1) != 1 {
					t.Error("two at once")
				}
				calls.Add(1)
				time.Sleep(time.Millisecond)
				running.Add(-1)
				return nil
			}))
		})
	}
	group.Wait()
	if n := calls.Load(); n < 1 || n > 25 {
		t.Errorf("50 requests took %d syncs", n)
	}
	broken := errors.New("broken")
	if err := one.sync(func() error { return broken }); err != broken {
		t.Error(err)
	}
	if err := one.sync(func() error { t.Error("tried again"); return nil }); err != broken {
		t.Error("the first failure was forgotten")
	}
}

func TestReadAll(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	var contents [][]byte
	var hashes [][32]byte
	for i, n := range []int{10, 0, 5000, 200 << 10, 7, 8, 9, 130 << 10, 4096, 1} {
		contents = append(contents, bytesOf(uint64(i), n))
		hashes = append(hashes, hash.Sum(contents[i]))
	}
	_, err := put(s, w, contents...)
	must(t, err)
	all, err := s.FindAll(w, hashes)
	must(t, err)
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {9, 8, 7, 6}, {4, 5, 4, 5, 6}, {1}, {}, {2, 0, 2}} {
		var want []byte
		var asked []*Location
		for _, i := range order {
			want = append(want, contents[i]...)
			asked = append(asked, all[i], nil)
		}
		got := make([]byte, len(want))
		if err := s.ReadAll(asked, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %v", order, err)
		}
		clear(got)
		if s.ReadAllNow(asked, got) && !bytes.Equal(got, want) {
			t.Errorf("%v: other bytes", order)
		}
	}
	s.files.close()
	s.files.closed = false
	if s.ReadAllNow(all[:1], make([]byte, 10)) {
		t.Error("read without a descriptor")
	}
}

package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

func startUpQuietly(data string) error { return StartUp(data, func(string) {}) }

func TestStartUpRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, data string)
		want error  // or
		text string // of the error
	}{
		{"a folder that holds other things", func(t *testing.T, data string) {
			must(t, os.RemoveAll(data))
			must(t, os.MkdirAll(data, 0o700))
			must(t, os.WriteFile(filepath.Join(data, "letter.txt"), nil, 0o600))
		}, nil, "letter.txt"},
		{"damage", func(t *testing.T, data string) {
			must(t, os.WriteFile(folder(data).database(), []byte(strings.Repeat("rubbish", 1000)), 0o600))
		}, ErrDamaged, "backup"},
		{"a newer database", func(t *testing.T, data string) { setVersion(t, data, 1000) }, ErrNewer, "newer"},
		{"objects gone", func(t *testing.T, data string) { must(t, os.RemoveAll(folder(data).objects())) }, ErrDamaged, "mount"},
		{"all segments gone", func(t *testing.T, data string) {
			s, err := Open(Config{Data: data})
			must(t, err)
			_, err = put(s, account(t, s, "ann"), bytesOf(1, 10))
			must(t, err)
			must(t, s.Close())
			must(t, os.RemoveAll(folder(data).segments()))
			must(t, os.Mkdir(folder(data).segments(), 0o700))
		}, ErrDamaged, "mount"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			data := newFolder(t, 0)
			test.do(t, data)
			err := startUpQuietly(data)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%v", err)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func setVersion(t *testing.T, data string, version int) {
	// The version is 4 bytes at offset 60 of the file; after a clean close all of it is in the file.
	f, err := os.OpenFile(folder(data).database(), os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte{0, 0, byte(version >> 8), byte(version)}, 60)
	must(t, err)
}

func TestStartUpWhileInUse(t *testing.T) {
	data := newFolder(t, 0)
	l, err := lockFile(folder(data).schemaLock(), shared, 0)
	must(t, err)
	defer l.unlock()
	if _, err := lockFile(folder(data).schemaLock(), exclusive, 50*time.Millisecond); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	other, err := lockFile(folder(data).schemaLock(), shared, 0)
	must(t, err)
	other.unlock()
}

// Commands make an empty folder a data folder by themselves, also two at once, and a start-up between.
func TestOpenCommandInitialises(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	must(t, os.MkdirAll(data, 0o700))
	must(t, os.WriteFile(filepath.Join(data, "server.lock"), nil, 0o600)) // the parent's, made before
	var group sync.WaitGroup
	ids := make([]string, 3)
	for i := range ids {
		group.Go(func() {
			s, err := OpenCommand(Config{Data: data})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = s.ServerID()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(ids[0]) != 32 || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("ids %q", ids)
	}
	for _, path := range []string{data, folder(data).objects(), folder(data).segments(), folder(data).database()} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
}

// A start-up that died before the folder had its id is made up for.
func TestOpenCommandFinishes(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	must(t, s.write(func(tx *db.Tx) error { return db.TableOf(tx).Run(`DELETE FROM server`) }))
	s.schema.unlock()
	again, err := OpenCommand(Config{Data: data})
	must(t, err)
	must(t, again.Close())
	s.schema, err = lockFile(folder(data).schemaLock(), shared, 0)
	must(t, err)
}

// A worker is refused where no start-up has been.
func TestOpenUnprepared(t *testing.T) {
	if s, err := Open(Config{Data: t.TempDir()}); err == nil {
		s.Close()
		t.Error("opened")
	}
}

// A life that still runs is left alone, whoever says that its slot is free; a dead one is cleaned by its successor only.
func TestWhoCleans(t *testing.T) {
	data := newFolder(t, 0)
	a := openSlot(t, data, 0, nil)
	w := account(t, a, "ann")
	in, err := a.ObjectsBegin(w, [][32]byte{{1}}, []int64{300 << 10})
	must(t, err)
	path := a.folder.object(in.objects[0].number)

	same := openSlot(t, data, 0, nil)
	if !there(path) {
		t.Fatal("a living worker's file was removed")
	}
	in.Abort()

	// What a dead life of slot 5 left: a file and a segment without rows.
	dead := openSlot(t, data, 5, nil)
	number, fd, err := dead.newObject()
	must(t, err)
	unix.Close(fd)
	_, err = dead.reserve(100)
	must(t, err)
	left := []string{a.folder.object(number), a.folder.segment(dead.segments.current.number)}
	unix.Close(dead.life.fd)
	dead.life.fd = -1

	other := openSlot(t, data, 1, nil)
	if !there(left[0]) || !there(left[1]) {
		t.Error("cleaned by another slot's worker")
	}
	heir := openSlot(t, data, 5, nil)
	if there(left[0]) || there(left[1]) {
		t.Error("not cleaned by its successor")
	}
	for _, s := range []*Store{same, other, heir} {
		if s.life.id == a.life.id {
			t.Error("two lives have one number")
		}
	}
}

// The start-up cleans all that died, and what ended uploads left.
func TestStartUpCleans(t *testing.T) {
	data := newFolder(t, 0)
	s, err := Open(Config{Data: data, Slot: 7})
	must(t, err)
	w := account(t, s, "ann")
	number, fd, err := s.newObject()
	must(t, err)
	unix.Close(fd)
	u := openUpload(t, s, w, 1000)
	var ended *db.Upload
	must(t, s.write(func(tx *db.Tx) (err error) {
		ended, err = endUpload(tx, w.Account, u)
		return err
	}))
	// As a kill leaves it: nothing is closed but by the kernel.
	unix.Close(s.life.fd)
	must(t, s.db.Close())
	s.schema.unlock()

	must(t, startUpQuietly(data))
	if there(s.folder.object(number)) || there(s.folder.object(ended.Content)) {
		t.Error("files were left")
	}
	audit(t, data, false)
	must(t, startUpQuietly(data))
}

func TestNumbersAreNeverTwice(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	seen := make(map[int64]bool)
	take := func(n int64, err error) {
		t.Helper()
		must(t, err)
		if n <= 0 || seen[n] {
			t.Fatalf("number %d", n)
		}
		seen[n] = true
	}
	for i := range 300 {
		first, err := s.life.numbers(1000)
		take(first, err)
		for n := first + 1; n < first+1000; n++ {
			take(n, nil)
		}
		take(s.life.fileNumber())
		if i%7 == 0 {
			take(s.life.number())
		}
	}
	var blocks []int64
	must(t, s.read(func(tx *db.Tx) (err error) {
		blocks, err = tx.Blocks(s.life.id)
		return err
	}))
	if len(blocks) < 5 {
		t.Errorf("blocks %v", blocks)
	}
	for n := range seen {
		if n/blockSize < blocks[0] || n/blockSize > blocks[len(blocks)-1] {
			t.Fatalf("number %d is of no block", n)
		}
	}
}

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
	"sluice/internal/proof"
)

// stored counts the files of contents and segments.
func stored(t testing.TB, data string) (objects, segments int) {
	t.Helper()
	count := func(dir string) (n int) {
		filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				n++
			}
			return err
		})
		return n
	}
	return count(folder(data).objects()), count(folder(data).segments())
}

func rowsIn(t testing.TB, s *Store, table string) (n int64) {
	t.Helper()
	must(t, s.read(func(tx *db.Tx) error {
		_, err := db.TableOf(tx).Row(`SELECT count(*) FROM `+table, nil, &n)
		return err
	}))
	return n
}

func TestCollect(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	gone := [][]byte{bytesOf(1, 100), bytesOf(2, 300<<10), nil, bytesOf(3, 50<<10), bytesOf(4, Border)}
	large := bytesOf(5, ChunkSize+5)
	_, err := put(s, w, gone...)
	must(t, err)
	must(t, uploadWhole(s, w, 1, large, -1))
	must(t, uploadWhole(s, w, 2, nil, 0)) // an empty content again, by way of a file
	must(t, s.sweep(t.Context(), afterHolds()))
	kept := [][]byte{bytesOf(6, 1000), bytesOf(7, 400<<10)}
	_, err = put(s, w, kept...)
	must(t, err)

	done, err := s.Collect(t.Context())
	if err != nil || done.Contents != 0 || done.Waits != 6 {
		t.Fatal(done, err)
	}
	waits, err := s.ToCollect()
	if err != nil || waits.Contents != 0 || waits.Waits != 6 {
		t.Errorf("within the grace period: %+v, %v", waits, err)
	}
	done, err = collectLater(s)
	if err != nil || done.Contents != 6 {
		t.Fatal(done, err)
	}
	wantContents(t, s, w, kept...)
	if n := rowsIn(t, s, "content"); n != 2 {
		t.Errorf("%d contents", n)
	}
	if n := rowsIn(t, s, "chunk"); n != 0 {
		t.Errorf("%d chunks of nothing", n)
	}
	if objects, _ := stored(t, data); objects != 1 {
		t.Errorf("%d files", objects)
	}
	audit(t, data, true)
	for _, c := range append(gone, large) {
		if _, err := s.Find(w, hash.Sum(c)); err != ErrNotFound {
			t.Error(err)
		}
	}
	_, err = put(s, w, gone...)
	must(t, err)
	wantContents(t, s, w, gone...)
	audit(t, data, true)
}

// Who uploads a content that is due, in the very moment: it stays if the upload's commit comes first, and is there anew if it
// comes second. Either way it is there.
func TestCollectorAgainstUpload(t *testing.T) {
	small, whole, large, proven := bytesOf(1, 3000), bytesOf(2, 300<<10), bytesOf(3, ChunkSize+9), bytesOf(4, proof.Least+11)
	ways := map[string]struct {
		content []byte
		again   func(s *Store, w Who) error
	}{
		"put in a segment": {small, func(s *Store, w Who) error { _, err := put(s, w, small); return err }},
		"put in a file":    {whole, func(s *Store, w Who) error { _, err := put(s, w, whole); return err }},
		"seal":             {large, func(s *Store, w Who) error { return uploadWhole(s, w, 2, large, int64(len(large))) }},
		"proof": {proven, func(s *Store, w Who) error { // who is not linked sends it
			w.Device = 2
			if prove(t, s, w, challenged(t, s, w, proven))[0] {
				return nil
			}
			_, err := put(s, w, proven)
			return err
		}},
	}
	for name, way := range ways {
		for _, first := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				data := newFolder(t, 0)
				addAccount(t, data, "bob", 0)
				var again func()
				s := openSlot(t, data, 0, func(step string) error {
					if do := again; do != nil && step == "contents condemned" {
						again = nil
						do()
					}
					return nil
				})
				w, bob := account(t, s, "ann"), account(t, s, "bob")
				if len(way.content) > ChunkSize {
					must(t, uploadWhole(s, w, 1, way.content, -1))
					must(t, s.sweep(t.Context(), afterHolds()))
				} else {
					must(t, doom(s, w, 0, way.content))
				}
				c := s.newCollector(afterHolds(), 0, make(map[int64]bool))
				var due []db.Doomed
				must(t, s.read(func(tx *db.Tx) (err error) {
					due, err = tx.Doomed(c.before, 10)
					return err
				}))
				if len(due) != 1 {
					t.Fatal(due)
				}
				if first { // between the collector's look and its transaction
					must(t, way.again(s, bob))
				} else { // between its transaction and the removal of the file
					again = func() { must(t, way.again(s, bob)) }
				}
				must(t, c.remove(due))
				must(t, c.leavings(t.Context()))
				if kept := c.result.Contents == 0; kept != first {
					t.Errorf("collected %d", c.result.Contents)
				}
				wantContents(t, s, bob, way.content)
				if _, err := s.Find(w, hash.Sum(way.content)); err != ErrNotFound {
					t.Error("somebody else's:", err)
				}
				audit(t, data, true)
			})
		}
	}
}

// The same by chance: contents come and are forgotten while a collector without grace takes what it finds, in two processes.
func TestCollectorAmongUploads(t *testing.T) {
	data := newFolder(t, 0)
	a, b := openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)
	w := account(t, a, "ann")
	contents := append(many(1, 12, 2000), many(50, 3, 200<<10)...)
	stop, done := context.WithCancel(t.Context())
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		for stop.Err() == nil {
			if err := b.sweep(stop, afterHolds()); err != nil && stop.Err() == nil {
				t.Error(err)
			}
			c := b.newCollector(afterHolds(), time.Second, make(map[int64]bool))
			if _, err := c.round(stop); err != nil && stop.Err() == nil {
				t.Error(err)
			}
		}
	})
	var putting sync.WaitGroup
	for k := range 3 {
		putting.Go(func() {
			for i := range 40 {
				at := (i*5 + k) % (len(contents) - 3)
				if _, err := put(a, w, contents[at:at+3]...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	putting.Wait()
	done()
	sweeping.Wait()
	must(t, b.discardAll()) // what the last round was cut off in
	_, err := put(a, w, contents...)
	must(t, err)
	wantContents(t, a, w, contents...)
	wantContents(t, b, w, contents...)
	audit(t, data, true)
}

// A backup that holds the collector's lock holds it off, and it does not wait for long.
func TestCollectorIsHeldOff(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	must(t, doom(s, w, 0, bytesOf(1, 100)))
	l, err := lockFile(s.folder.collectorLock(), shared, 0)
	must(t, err)
	done, err := s.newCollector(afterHolds(), 0, make(map[int64]bool)).round(t.Context())
	if err != nil || !done.Held || done.Contents != 0 {
		t.Fatal(done, err)
	}
	l.unlock()
	done, err = collectLater(s)
	if err != nil || done.Contents != 1 {
		t.Fatal(done, err)
	}
}

// A file that cannot be removed keeps its row, and is removed the next time.
func TestCollectedFileStays(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	must(t, doom(s, w, 0, bytesOf(1, 300<<10)))
	var due []db.Doomed
	must(t, s.read(func(tx *db.Tx) (err error) {
		due, err = tx.Doomed(afterHolds().UnixNano(), 10)
		return err
	}))
	path := s.folder.object(due[0].ID)
	must(t, os.Remove(path))
	must(t, os.Mkdir(path, 0o700))
	if _, err := collectLater(s); !errors.Is(err, unix.EISDIR) {
		t.Fatal(err)
	}
	if n := rowsIn(t, s, "content"); n != 1 {
		t.Errorf("%d rows", n)
	}
	must(t, os.Remove(path))
	_, err := collectLater(s)
	must(t, err)
	if n := rowsIn(t, s, "content"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// A disk that is full at any step of a removal: what was to go is gone in the end, what stays is whole, and the store goes on.
func TestCollectFails(t *testing.T) {
	for _, at := range []string{"transaction", "contents condemned", "file removed"} {
		for _, fault := range []error{unix.ENOSPC, unix.EDQUOT} {
			t.Run(at+" "+fault.Error(), func(t *testing.T) {
				data := newFolder(t, 0)
				broken := 0
				s := openSlot(t, data, 0, func(step string) error {
					if step == at && broken > 0 {
						broken--
						return fault
					}
					return nil
				})
				w := account(t, s, "ann")
				must(t, doom(s, w, 1, bytesOf(1, 300<<10), bytesOf(2, 200<<10), bytesOf(3, 500)))
				broken = 1
				_, err := collectLater(s)
				if at != "transaction" && !errors.Is(err, fault) { // that one is tried again with a reserve's room
					t.Error(err)
				}
				if s.ReadOnly() {
					t.Fatal("the store has stopped writing")
				}
				s.fillReserves()
				_, err = put(s, w, bytesOf(2, 200<<10))
				must(t, err)
				_, err = collectLater(s)
				must(t, err)
				wantContents(t, s, w, bytesOf(1, 300<<10), bytesOf(2, 200<<10))
				if n := rowsIn(t, s, "content"); n != 2 {
					t.Errorf("%d contents", n)
				}
				audit(t, data, true)
			})
		}
	}
}

// Folders are synced for many files, not for each batch of contents.
func TestFilesAreRemovedTogether(t *testing.T) {
	var removed atomic.Int64
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, func(step string) error {
		if step == "file removed" {
			removed.Add(1)
		}
		return nil
	})
	w := account(t, s, "ann")
	for i := range uint64(10) {
		must(t, doom(s, w, 0, bytesOf(2*i, 2*Border), bytesOf(2*i+1, 500)))
	}
	c := s.newCollector(afterHolds(), 0, make(map[int64]bool))
	c.pace.size = 2
	must(t, c.contents(t.Context()))
	if n := removed.Load(); n > 0 || c.files != 10 {
		t.Errorf("%d times with %d files left", n, c.files)
	}
	must(t, c.leavings(t.Context()))
	if n := rowsIn(t, s, "content"); n != 0 {
		t.Errorf("%d contents", n)
	}
	audit(t, data, true)
}

// What has been due for long, and what somebody waits for, is collected in a hurry.
func TestCollectorHurries(t *testing.T) {
	var c *collector
	hurried := false
	s := openSlot(t, newFolder(t, 0), 0, func(step string) error {
		if step == "contents condemned" {
			hurried = c.hurries()
		}
		return nil
	})
	w := account(t, s, "ann")
	for i, test := range []struct {
		doomed time.Duration // so long ago
		asked  bool
		want   bool
	}{
		{s.config.Policy.Grace + time.Minute, false, false},
		{s.config.Policy.Grace + time.Minute, true, true},
		{s.config.Policy.Grace + collectLate + time.Minute, false, true},
	} {
		must(t, doom(s, w, 0, bytesOf(uint64(i), 100)))
		must(t, s.write(func(tx *db.Tx) error {
			return db.TableOf(tx).Run(`UPDATE content SET doomed = ?`, time.Now().Add(-test.doomed).UnixNano())
		}))
		c = s.newCollector(time.Now(), 0, make(map[int64]bool))
		c.asked = test.asked
		must(t, c.contents(t.Context()))
		if hurried != test.want || c.result.Contents != 1 {
			t.Errorf("%+v: hurries %v, %v", test, hurried, c.result)
		}
	}
}

// The rows of very many chunks are removed in several transactions.
func TestManyChunksAreDiscarded(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	u := openUpload(t, s, w, -1)
	must(t, s.write(func(tx *db.Tx) error {
		row, err := tx.Upload(w.Account, u)
		for i := int64(0); i < 3*sweepBatch+7 && err == nil; i++ {
			err = tx.InsertChunk(row.Content, db.Chunk{Index: i * 3, Size: 1, Value: make([]byte, 32)})
		}
		return err
	}))
	before := s.db.Stats().Writes
	must(t, s.sweep(t.Context(), afterUploads()))
	if n := rowsIn(t, s, "chunk") + rowsIn(t, s, "content"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n := s.db.Stats().Writes - before; n < 5 {
		t.Errorf("all in %d transactions", n)
	}
	audit(t, data, true)
}

package torture

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/db"
	"sluice/internal/proto"
)

// TestDatabaseStorm is L4: eight workers write at once while somebody reads a long list as slowly as he may, and while another
// program holds on to an old state of the database. Nobody is told that the database is busy, no worker gets much less than
// another, and the log stays short, or becomes short again.
func TestDatabaseStorm(t *testing.T) {
	t.Parallel()
	r := begin(t)
	const workers = 8
	s := r.newServer(r.path("data"), workers)
	s.start()
	s.ready()
	wal := filepath.Join(s.data, "sluice.db-wal")
	var longest atomic.Int64 // of the log, in bytes
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if info, err := os.Stat(wal); err == nil {
				longest.Store(max(longest.Load(), info.Size()))
			}
		}
	})
	defer func() { close(done); group.Wait() }()

	// A list of some pages, which the reader takes in a few bytes at a time.
	f := s.newStorm(2 * workers)
	f.run(time.Second)
	slow := s.dial()
	defer slow.Close()
	slow.SetReadBuffer(4 << 10)
	for range 30 {
		_, err := slow.Write(slow.frame(proto.TypeList, (&proto.List{Recursive: true}).Append(nil), nil))
		r.must(err)
	}
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		b := make([]byte, 64)
		for slow.SetReadDeadline(time.Now().Add(time.Minute)) == nil {
			if _, err := slow.Read(b); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	before := s.commits()
	f.run(time.Duration(r.pick(4, 60)) * time.Second)
	after := s.commits()
	slow.Close()
	<-reading
	least, most := int64(1<<62), int64(0)
	for i := range after {
		n := after[i] - before[i]
		least, most = min(least, n), max(most, n)
	}
	share := float64(least) / float64(most)
	r.Logf("%d writers at %d workers: %d writes, the slowest %v; the workers committed %d to %d times, %.2f; the log was %d KiB at most",
		len(f.remotes), workers, f.writes.Load(), time.Duration(f.slowest.Load()).Round(time.Millisecond), least, most, share, longest.Load()>>10)
	if share < 0.5 {
		r.Errorf("a worker committed %d times, another %d times", least, most)
	}
	if limit := int64(64 << 20); longest.Load() > limit {
		r.Errorf("the log was %d bytes long, the limit is %d", longest.Load(), limit)
	}
	if limit := time.Second; r.long && time.Duration(f.slowest.Load()) > limit {
		r.Errorf("a write took %v, the limit is %v", time.Duration(f.slowest.Load()), limit)
	}

	// Somebody else's read transaction keeps the log from beginning anew; afterwards it does.
	longest.Store(0)
	d, err := db.Open(filepath.Join(s.data, "sluice.db"), db.Options{ReadOnly: true, Readers: 1})
	r.must(err)
	r.must(d.Read(func(tx *db.Tx) error {
		var n int64
		if _, err := db.TableOf(tx).Row(`SELECT count(*) FROM node`, nil, &n); err != nil {
			return err
		}
		f.run(time.Duration(r.pick(2, 60)) * time.Second)
		return nil
	}))
	r.must(d.Close())
	held := longest.Load()
	f.run(time.Second)
	s.within(30*time.Second, "the log is short again", func() bool {
		f.run(50 * time.Millisecond)
		info, err := os.Stat(wal)
		return err == nil && info.Size() <= 64<<20
	})
	r.Logf("while another program read for long, the log grew to %d KiB", held>>10)
	f.close()
	s.mustAnswer()
	s.stop()
	s.checkAll("afterwards")
}

// storm is a number of clients that write as fast as they can, and take no refusal.
type storm struct {
	*server
	remotes         []*client.Remote
	writes, slowest atomic.Int64
}

func (s *server) newStorm(count int) *storm {
	s.Helper()
	f := &storm{server: s}
	for range count {
		f.remotes = append(f.remotes, s.dialRemote(client.Options{Connections: 1, Retries: -1, Timeout: 30 * time.Second}))
	}
	return f
}

func (f *storm) close() {
	for _, remote := range f.remotes {
		remote.Close()
	}
}

// run lets all write for so long.
func (f *storm) run(d time.Duration) {
	f.Helper()
	end := time.Now().Add(d)
	var group sync.WaitGroup
	for i, remote := range f.remotes {
		random := f.random(uint64(i) + uint64(f.writes.Load())<<8)
		group.Go(func() {
			for time.Now().Before(end) {
				b := make([]byte, random.IntN(600))
				fill(b, random.Uint64())
				began := time.Now()
				_, err := remote.PutObjects(context.Background(), []client.Object{{Hash: client.Sum(b), Size: int64(len(b))}}, [][]byte{b})
				if err == nil {
					var name [8]byte
					fill(name[:], random.Uint64())
					_, err = remote.Commit(context.Background(), &client.CommitRequest{Changes: []client.Change{{Op: client.OpPut, Kind: client.KindFile,
						Parent: client.Place{Node: remote.Hello().Root}, Name: client.Sum(name[:]).String()[:12], Hash: client.Sum(b), Size: int64(len(b)), Mode: 0o644, Expect: client.ExpectAny}}})
				}
				if err != nil {
					f.Errorf("writer %d: %v", i, err)
					return
				}
				f.writes.Add(2)
				for took := int64(time.Since(began)) / 2; ; {
					was := f.slowest.Load()
					if took <= was || f.slowest.CompareAndSwap(was, took) {
						break
					}
				}
			}
		})
	}
	group.Wait()
	if f.Failed() {
		f.FailNow()
	}
}

// commits is how often each worker has committed.
func (s *server) commits() (all []int64) {
	s.Helper()
	for _, w := range s.mustStatus().Workers {
		all = append(all, int64(w.Commits))
	}
	return all
}

package store

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// Uploads of all kinds at once, in two processes, never take an account over its quota; what is refused charges nothing, and
// the whole of the quota can be used.
func TestQuotaInParallel(t *testing.T) {
	const quota = 4 << 20
	data := newFolder(t, quota)
	workers := []*Store{openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)}
	w := account(t, workers[0], "ann")
	refused := func(err error) bool {
		if err != nil && !errors.Is(err, ErrQuota) {
			t.Error(err)
		}
		return err != nil
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	refusals := 0
	try := func(do func() error) {
		group.Go(func() {
			if refused(do()) {
				mu.Lock()
				refusals++
				mu.Unlock()
			}
		})
	}
	for i, s := range workers {
		for k := range 6 {
			seed := uint64(100*i + k)
			try(func() error { _, err := put(s, w, bytesOf(1000+seed, 40<<10), bytesOf(2000+seed, 30<<10)); return err })
			try(func() error { _, err := put(s, w, bytesOf(3000+seed, 300<<10)); return err })
			try(func() error {
				_, err := s.UploadOpen(w, newOnce(12), Opening{Size: 200 << 10}, numberReply)
				return err
			})
			try(func() error { // of open size: each chunk is charged
				raw, err := s.UploadOpen(w, newOnce(12), Opening{Size: -1}, numberReply)
				if err != nil {
					return err
				}
				u, _ := strconv.ParseInt(string(raw), 10, 64)
				b := bytesOf(4000+seed, 250<<10)
				c, err := s.ChunkBegin(w, u, 0, int64(len(b)), hash.ChunkValue(b, 0))
				if err != nil {
					return err
				}
				if err := fill([]Piece{c.Piece()}, b); err != nil {
					c.Abort()
					return err
				}
				return c.Finish()
			})
		}
	}
	group.Wait()
	held := usage(t, workers[0], w)
	if held > quota || refusals == 0 {
		t.Errorf("charged %d of %d, %d refused", held, quota, refusals)
	}
	if left := int(quota - held); left > 0 {
		if _, err := put(workers[1], w, bytesOf(9999, min(left, 1<<20))); err != nil {
			t.Errorf("%d bytes are left: %v", left, err)
		}
	}
	// What is named is charged once: the hold's charge becomes the name's.
	content := bytesOf(1, 10)
	must(t, workers[0].write(func(tx *db.Tx) error { return tx.SetQuota(w.Account, 0) }))
	_, err := put(workers[0], w, content)
	must(t, err)
	before := usage(t, workers[0], w)
	mustApply(t, workers[0], w, fileOf(w.Root, "a", content))
	used, held, _, err := workers[0].Usage(w)
	if err != nil || used != 10 || held != before-10 {
		t.Errorf("used %d, held %d after %d: %v", used, held, before, err)
	}
	audit(t, data, true)
}

package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// stageSync is a source tree synced both ways: for the first time, beside a push of it, and again with nothing changed, beside
// rsync.
type stageSync struct {
	tree  string
	count float64 // files in it
}

var (
	syncFirst = workload{"Sync/first", "a source tree synced two ways for the first time, and pushed for the first time", files}
	syncSame  = workload{"Sync/same", "the same tree synced again, nothing changed on either side", files}
)

func (s *stageSync) name() string          { return "sync" }
func (s *stageSync) workloads() []workload { return []workload{syncFirst, syncSame} }
func (s *stageSync) end()                  {}

func (s *stageSync) begin(_ context.Context, h *harness) error {
	dir, err := h.folders.next("sync")
	if err != nil {
		return err
	}
	s.tree = filepath.Join(dir, "tree")
	if err := os.CopyFS(s.tree, os.DirFS(h.tree)); err != nil {
		return fmt.Errorf("copy the tree: %w", err)
	}
	n, err := countFiles(s.tree)
	s.count = float64(n)
	return err
}

// round has two new servers, each with a client that knows nothing: what one sends the other must not have.
func (s *stageSync) round(ctx context.Context, h *harness, number int) error {
	if !h.hasty {
		time.Sleep(rest)
	}
	var servers [2]*sluice
	for i := range servers {
		dir, err := h.folders.next(fmt.Sprintf("sync-%d-%d", number, i))
		if err != nil {
			return err
		}
		if servers[i], err = startSluice(ctx, h.options, dir); err != nil {
			return err
		}
		defer servers[i].stop()
	}
	synced := func() (measure, error) { return servers[0].timed(ctx, s.count, "sync", s.tree, "home:tree") }
	err := h.interleave(ctx, syncFirst, variant{"sluice", synced}, variant{"push", func() (measure, error) {
		return servers[1].timed(ctx, s.count, "push", s.tree, "home:tree")
	}})
	if err != nil || !h.wanted(syncSame) {
		return err
	}
	dir, err := h.folders.next(fmt.Sprintf("sync-%d-rsync", number))
	if err != nil {
		return err
	}
	daemon, err := startRsync(dir)
	if err != nil {
		return err
	}
	defer daemon.stop()
	both := []variant{{"sluice", synced}}
	if daemon != nil {
		again := func() (measure, error) {
			return rsyncTimed(ctx, daemon, s.count, s.tree+"/", "rsync://"+daemon.address+"/bench/tree/")
		}
		if _, err := again(); err != nil { // the first time
			return err
		}
		both = append(both, variant{"rsync", again})
	}
	return h.interleave(ctx, syncSame, both...)
}

package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// stageDown is one large file down: discarded by the client, so that the server is measured, and into a new file. All
// serve the same pages: what the server of ours has stored, by links. A copy would be cached in folios of another size,
// and these alone make splice twice as fast or slow.
type stageDown struct {
	ours  *sluice
	floor *server
	nginx *nginx
	rsync *server
	job   job // for a fetch of ours
}

var (
	down1    = workload{"Down/connections=1", "a large file down from the page cache, discarded, 1 connection", gibs}
	down4    = workload{"Down/connections=4", "the same, 4 connections", gibs}
	downFile = workload{"DownFile", "a large file down into a new file, by each one's own client", gibs}
)

func (s *stageDown) name() string          { return "down" }
func (s *stageDown) workloads() []workload { return []workload{down1, down4, downFile} }

func (s *stageDown) begin(ctx context.Context, h *harness) error {
	dir, err := h.folders.next("down")
	if err != nil {
		return err
	}
	if s.ours, err = startSluice(ctx, h.options, dir); err != nil {
		return err
	}
	if _, err := s.ours.run(ctx, "", "put", h.source, "home:large"); err != nil {
		return err
	}
	s.job = job{Protocol: "sluice", Address: s.ours.address, Server: s.ours.pid(), Size: h.size, Congestion: h.congestion}
	if s.job.Token, err = s.ours.token(ctx); err != nil {
		return err
	}
	if s.job.Hash, err = sumFile(h.source); err != nil {
		return err
	}
	kept, err := s.ours.content(h.size)
	if err != nil {
		return err
	}
	if s.floor, err = startFloor("floor-down", job{File: kept, Congestion: h.congestion}); err != nil {
		return err
	}
	if s.nginx, err = startNginx(dir, h.workers); err != nil {
		return err
	}
	if s.nginx != nil {
		if err := os.Link(kept, filepath.Join(s.nginx.files, "large")); err != nil {
			return err
		}
	}
	if s.rsync, err = startRsync(dir); err != nil || s.rsync == nil {
		return err
	}
	return os.Link(kept, filepath.Join(dir, "module", "large"))
}

func (s *stageDown) end() {
	if s.ours != nil {
		s.ours.stop()
	}
	s.floor.stop()
	s.nginx.stop()
	s.rsync.stop()
}

func (s *stageDown) round(ctx context.Context, h *harness, number int) error {
	for _, w := range []workload{down1, down4} {
		if !h.wanted(w) {
			continue
		}
		connections := 1
		if w.name == down4.name {
			connections = 4
		}
		fetch := func(j job) func() (measure, error) {
			j.Size, j.Connections, j.Congestion = h.size, connections, h.congestion
			j.Times = int(max(h.fetch/h.size, 1))
			return func() (measure, error) { return fetched(ctx, j) }
		}
		variants := []variant{
			{"sluice", fetch(s.job)},
			{"floor", fetch(job{Protocol: "bare", Address: s.floor.address, Server: s.floor.pid()})},
		}
		if s.nginx != nil {
			variants = append(variants,
				variant{"nginx", fetch(job{Protocol: "http", Address: s.nginx.address, Server: s.nginx.pid(), Path: "/large"})})
		}
		if err := h.interleave(ctx, w, variants...); err != nil {
			return err
		}
	}
	if !h.wanted(downFile) {
		return nil
	}
	dir, err := h.folders.next(fmt.Sprintf("into-%d", number))
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	units := float64(h.size) / gib
	variants := []variant{{"sluice", func() (measure, error) {
		return s.ours.timed(ctx, units, "get", "home:large", "-o", filepath.Join(dir, "sluice"))
	}}}
	if s.rsync != nil {
		variants = append(variants, variant{"rsync", func() (measure, error) {
			return rsyncTimed(ctx, s.rsync, units, "rsync://"+s.rsync.address+"/bench/large", filepath.Join(dir, "rsync"))
		}})
	}
	return h.interleave(ctx, downFile, variants...)
}

// fetched runs a fetch as a process of its own.
func fetched(ctx context.Context, j job) (measure, error) {
	a, _, err := runSelf(ctx, "fetch", j)
	return measure{units: float64(a.Units) / gib, wall: a.Wall, server: a.Server, client: a.Client}, err
}

// rsyncTimed runs rsync as a client of the daemon and measures both sides.
func rsyncTimed(ctx context.Context, daemon *server, units float64, arguments ...string) (measure, error) {
	m, _, err := rsyncTold(ctx, daemon, units, arguments...)
	return m, err
}

// rsyncTold also gives what it says.
func rsyncTold(ctx context.Context, daemon *server, units float64, arguments ...string) (measure, string, error) {
	before := treeCPU(daemon.pid())
	o, err := errand{name: find("rsync"), arguments: append([]string{"-a"}, arguments...)}.run(ctx)
	daemon.quiet()
	return measure{units: units, wall: o.wall, client: o.cpu, server: treeCPU(daemon.pid()) - before}, o.stdout, err
}

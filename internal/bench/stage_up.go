package bench

import (
	"context"
	"fmt"
	"os"
)

// stageUp is one large file up into a new file, by each one's own client. Ours and the floor verify it and make it
// durable; rsync and nginx do neither. Disk is a plain program that writes as much and syncs it once: no network, no hash.
// Where the disk is slower than a peer that syncs nothing, it is the ceiling of every durable upload.
type stageUp struct{}

var (
	up1 = workload{"Up/connections=1", "a large file up into a new file, 1 connection", gibs}
	up4 = workload{"Up/connections=4", "a large file up into a new file, 4 connections", gibs}
)

func (stageUp) name() string                          { return "up" }
func (stageUp) workloads() []workload                 { return []workload{up1, up4} }
func (stageUp) begin(context.Context, *harness) error { return nil }
func (stageUp) end()                                  {}
func (stageUp) round(ctx context.Context, h *harness, _ int) error {
	for _, w := range []workload{up1, up4} {
		if !h.wanted(w) {
			continue
		}
		connections := 1
		if w.name == up4.name {
			connections = 4
		}
		if err := stamp(h.source); err != nil {
			return err
		}
		u := up{ctx: ctx, h: h, connections: connections}
		variants := []variant{
			{"sluice", u.within("sluice", u.sluice)},
			{"floor", u.within("floor", u.floor)},
		}
		if connections == 1 { // the others have only one way
			variants = append(variants, variant{"disk", u.within("disk", u.disk)})
			if find("rsync") != "" {
				variants = append(variants, variant{"rsync", u.within("rsync", u.rsync)})
			}
			if find("nginx") != "" {
				variants = append(variants, variant{"nginx", u.within("nginx", u.nginx)})
			}
		}
		if err := h.interleave(ctx, w, variants...); err != nil {
			return err
		}
	}
	return nil
}

type up struct {
	ctx         context.Context
	h           *harness
	connections int
}

func (u up) units() float64 { return float64(u.h.size) / gib }

// within gives a run a new folder. A few large files leave no inodes behind that could slow the next run down, so they
// are deleted at once.
func (u up) within(name string, run func(dir string) (measure, error)) func() (measure, error) {
	return func() (measure, error) {
		dir, err := u.h.folders.next("up-" + name)
		if err != nil {
			return measure{}, err
		}
		defer os.RemoveAll(dir)
		return run(dir)
	}
}

func (u up) sluice(dir string) (measure, error) {
	l, err := startSluice(u.ctx, u.h.options, dir)
	if err != nil {
		return measure{}, err
	}
	defer l.stop()
	return l.timed(u.ctx, u.units(), "put", u.h.source, "home:large", "--connections", fmt.Sprint(u.connections))
}

func (u up) floor(dir string) (measure, error) {
	s, err := startFloor("floor-up", job{Dir: dir, Congestion: u.h.congestion})
	if err != nil {
		return measure{}, err
	}
	defer s.stop()
	return u.byOurs(s, "floor-upload", job{Address: s.address})
}

func (u up) nginx(dir string) (measure, error) {
	n, err := startNginx(dir, u.h.workers)
	if err != nil {
		return measure{}, err
	}
	defer n.stop()
	return u.byOurs(n.server, "http-put", job{Address: n.address, Path: "/large"})
}

func (u up) byOurs(s *server, program string, j job) (measure, error) {
	j.File, j.Size, j.Connections, j.Congestion = u.h.source, u.h.size, u.connections, u.h.congestion
	before := treeCPU(s.pid())
	_, o, err := runSelf(u.ctx, program, j)
	trail()
	return measure{units: u.units(), wall: o.wall, client: o.cpu, server: treeCPU(s.pid()) - before}, err
}

func (u up) rsync(dir string) (measure, error) {
	daemon, err := startRsync(dir)
	if err != nil {
		return measure{}, err
	}
	defer daemon.stop()
	return rsyncTimed(u.ctx, daemon, u.units(), u.h.source, "rsync://"+daemon.address+"/bench/large")
}

func (u up) disk(dir string) (measure, error) {
	a, _, err := runSelf(u.ctx, "disk", job{Dir: dir, Size: u.h.size})
	return measure{units: u.units(), wall: a.Wall, client: a.Client}, err
}

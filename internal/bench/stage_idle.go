package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// stageIdle is many connections that have logged in, had one answer and then do nothing.
type stageIdle struct{}

var idles = workload{"Idle", "idle connections, each logged in and answered once: memory of all processes, CPU while nothing happens", held}

func (stageIdle) name() string                          { return "idle" }
func (stageIdle) workloads() []workload                 { return []workload{idles} }
func (stageIdle) begin(context.Context, *harness) error { return nil }
func (stageIdle) end()                                  {}

// rounds: memory moves little from one run to the next, and each waits.
func (stageIdle) rounds(h *harness) int {
	if h.quick {
		return 1
	}
	return min(h.rounds, 3)
}

func (s stageIdle) round(ctx context.Context, h *harness, _ int) error {
	variants := []variant{
		{"sluice", func() (measure, error) { return s.sluice(ctx, h) }},
		{"floor", func() (measure, error) { return s.floor(ctx, h) }},
	}
	if find("nginx") != "" {
		variants = append(variants, variant{"nginx", func() (measure, error) { return s.nginx(ctx, h) }})
	}
	return h.interleave(ctx, idles, variants...)
}

// sluice runs on a server that has served nobody: the memory of earlier connections would be used again unseen.
func (s stageIdle) sluice(ctx context.Context, h *harness) (measure, error) {
	dir, err := h.folders.next("idle")
	if err != nil {
		return measure{}, err
	}
	ours, err := startSluice(ctx, h.options, dir)
	if err != nil {
		return measure{}, err
	}
	defer ours.stop()
	token, err := ours.token(ctx)
	if err != nil {
		return measure{}, err
	}
	return s.hold(ctx, h, ours.server, job{Protocol: "sluice", Token: token, Requests: [][]byte{pingFrame()}})
}

// floor is a bare echo: what is left is the runtime and the kernel's share, which is nobody's memory here.
func (s stageIdle) floor(ctx context.Context, h *harness) (measure, error) {
	echo, err := startFloor("floor-echo", job{Request: preludeLen, Reply: preludeLen, Loops: h.workers, Congestion: h.congestion})
	if err != nil {
		return measure{}, err
	}
	defer echo.stop()
	return s.hold(ctx, h, echo, job{Protocol: "bare", Requests: [][]byte{pingFrame()}, Reply: preludeLen})
}

func (s stageIdle) nginx(ctx context.Context, h *harness) (measure, error) {
	dir, err := h.folders.next("idle-nginx")
	if err != nil {
		return measure{}, err
	}
	n, err := startNginx(dir, h.workers)
	if err != nil {
		return measure{}, err
	}
	defer n.stop()
	if err := os.WriteFile(filepath.Join(n.files, "small"), make([]byte, 100), 0o644); err != nil {
		return measure{}, err
	}
	return s.hold(ctx, h, n.server, job{Protocol: "http", Requests: [][]byte{[]byte("GET /small HTTP/1.1\r\nHost: bench\r\n\r\n")}})
}

// hold holds the connections for the time of the stage. Memory is looked at when it is over: what the server gives back
// by then it has given back.
func (stageIdle) hold(ctx context.Context, h *harness, server *server, j job) (measure, error) {
	const others = 200 // descriptors that the programs need beside
	j.Address, j.Congestion = server.address, h.congestion
	j.Connections = min(h.idle, openFiles()-others)
	if j.Connections < 1 {
		return measure{}, fmt.Errorf("only %d open files are allowed", openFiles())
	}
	before, err := treePSS(server.pid())
	if err != nil {
		return measure{}, err
	}
	holder, err := startFloor("hold", j)
	if err != nil {
		return measure{}, err
	}
	defer holder.stop()
	const settled = 500 * time.Millisecond // what the last answers leave to do is not idleness
	if err := pause(ctx, settled); err != nil {
		return measure{}, err
	}
	m := measure{units: float64(j.Connections)}
	cpu, client, start := treeCPU(server.pid()), treeCPU(holder.pid()), time.Now()
	if err := pause(ctx, h.wait); err != nil {
		return measure{}, err
	}
	m.wall, m.server, m.client = time.Since(start), treeCPU(server.pid())-cpu, treeCPU(holder.pid())-client
	after, err := treePSS(server.pid())
	m.memory, m.total = after-before, after
	return m, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

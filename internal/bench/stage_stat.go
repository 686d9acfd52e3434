package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/internal/hash"
)

// stageStat is small requests while nothing else happens, and beside four bulk transfers, two each way. What loads the
// machine runs at nice 10, and what asks does not: the server is measured, not who of the clients is given a core.
type stageStat struct {
	sources [bulkEach]string // uploaded again and again
}

var (
	statAlone = workload{"Stat/bulk=0", "stat of a file at a steady pace (nginx: a GET of 100 bytes), nothing else", paced}
	statBusy  = workload{"Stat/bulk=4", "the same beside 4 bulk transfers, 2 up and 2 down, at nice 10", paced}
)

const (
	bulkEach  = 2         // transfers each way
	bulkSize  = 256 << 20 // of one upload
	probeConn = 8
	probePace = 10 * time.Millisecond // of one connection: far from what the server can do
)

func (s *stageStat) name() string          { return "stat" }
func (s *stageStat) workloads() []workload { return []workload{statAlone, statBusy} }
func (s *stageStat) end()                  {}

func (s *stageStat) begin(_ context.Context, h *harness) error {
	dir, err := h.folders.next("stat")
	if err != nil {
		return err
	}
	for i := range s.sources {
		s.sources[i] = filepath.Join(dir, fmt.Sprint("source-", i))
		if err := makeFile(s.sources[i], min(bulkSize, h.size)); err != nil {
			return err
		}
	}
	return nil
}

// round has new servers: uploads pile up.
func (s *stageStat) round(ctx context.Context, h *harness, number int) error {
	dir, err := h.folders.next(fmt.Sprintf("stat-%d", number))
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := beside{ctx: ctx, h: h, stage: s}
	defer func() { b.stop() }()
	ours, err := b.sluice(dir)
	if err != nil {
		return err
	}
	floor, err := b.floor(dir, ours)
	if err != nil {
		return err
	}
	all := []party{ours, floor}
	web, err := b.nginx(dir, ours)
	if err != nil {
		return err
	}
	if web.server != nil {
		all = append(all, web)
	}
	for _, w := range s.workloads() {
		if !h.wanted(w) {
			continue
		}
		var variants []variant
		for _, p := range all {
			variants = append(variants, variant{p.name, func() (measure, error) { return p.run(ctx, h, w.name == statBusy.name) }})
		}
		if err := h.interleave(ctx, w, variants...); err != nil {
			return err
		}
	}
	return nil
}

// party is one who is asked, and the transfers beside.
type party struct {
	name   string
	server *server
	probe  job
	kept   string                            // ours: the file a large content is kept in
	bulk   []func(ctx context.Context) error // each runs again and again
}

func (p party) run(ctx context.Context, h *harness, busy bool) (measure, error) {
	stop := func() error { return nil }
	if busy {
		stop = p.transfer(ctx)
		if err := pause(ctx, 300*time.Millisecond); err != nil { // until all are under way
			return measure{}, errors.Join(err, stop())
		}
	}
	j := p.probe
	j.Address, j.Server = p.server.address, p.server.pid()
	j.Connections, j.Pace, j.Duration, j.Congestion = probeConn, probePace, h.probe, h.congestion
	a, _, err := runSelf(ctx, "probe", j)
	err = errors.Join(err, stop())
	return measure{units: float64(a.Units), wall: a.Wall, server: a.Server, client: a.Client, moved: a.Moved, delay: a.Delay}, err
}

// transfer keeps the bulk transfers going until stop, which tells what failed before.
func (p party) transfer(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	failed := make([]error, len(p.bulk))
	for i, run := range p.bulk {
		wait.Go(func() {
			for ctx.Err() == nil && failed[i] == nil {
				if err := run(ctx); ctx.Err() == nil {
					failed[i] = err
				}
			}
		})
	}
	return func() error {
		cancel()
		wait.Wait()
		return errors.Join(failed...)
	}
}

// beside starts the parties.
type beside struct {
	ctx     context.Context
	h       *harness
	stage   *stageStat
	stopped []func()
}

func (b *beside) stop() {
	for _, f := range b.stopped {
		f()
	}
}

func (b *beside) sluice(dir string) (party, error) {
	l, err := startSluice(b.ctx, b.h.options, dir)
	if err != nil {
		return party{}, err
	}
	b.stopped = append(b.stopped, l.stop)
	p := party{name: "sluice", server: l.server}
	large := b.stage.sources[0]
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, make([]byte, 100), 0o644); err != nil {
		return party{}, err
	}
	for _, step := range [][]string{{"mkdir", "home:folder"}, {"put", small, "home:folder/file"}, {"put", large, "home:large"}} {
		if _, err := l.run(b.ctx, "", step...); err != nil {
			return party{}, err
		}
	}
	size := min(bulkSize, b.h.size)
	if p.kept, err = l.content(size); err != nil {
		return party{}, err
	}
	down := job{Protocol: "sluice", Address: l.address, Server: l.pid(), Size: size}
	if down.Hash, err = sumFile(large); err != nil {
		return party{}, err
	}
	if down.Token, err = l.token(b.ctx); err != nil {
		return party{}, err
	}
	p.probe = job{Protocol: "sluice", Token: down.Token, Requests: [][]byte{statFrame("folder", "file")}}
	b.add(&p, down, func(ctx context.Context, i int, file string) error {
		_, err := errand{
			name: filepath.Join(l.bin, "sluice"), env: l.env, nice: true,
			arguments: []string{"put", "--connections", "1", file, fmt.Sprint("home:bulk-", i)},
		}.run(ctx)
		return err
	})
	return p, nil
}

// add gives a party its transfers.
func (b *beside) add(p *party, down job, up func(ctx context.Context, i int, file string) error) {
	down.Connections, down.Times, down.Congestion = 1, 1<<30, b.h.congestion
	for i, file := range b.stage.sources {
		p.bulk = append(p.bulk,
			func(ctx context.Context) error { return runNicely(ctx, "fetch", down) },
			func(ctx context.Context) error {
				if err := stamp(file); err != nil {
					return err
				}
				return up(ctx, i, file)
			})
	}
}

// floor is a bare echo with answers as long as ours, beside the floors of downloads and uploads.
func (b *beside) floor(dir string, ours party) (party, error) {
	j := ours.probe
	j.Address, j.Congestion = ours.server.address, b.h.congestion
	reply, err := replyLength(j, j.Requests[0])
	if err != nil {
		return party{}, err
	}
	size := min(bulkSize, b.h.size)
	start := func(name string, j job) (*server, error) {
		j.Congestion = b.h.congestion
		s, err := startFloor(name, j)
		if err == nil {
			b.stopped = append(b.stopped, s.stop)
		}
		return s, err
	}
	p := party{name: "floor", probe: job{Protocol: "bare", Requests: j.Requests, Reply: reply}}
	if p.server, err = start("floor-echo", job{Request: len(j.Requests[0]), Reply: reply, Loops: b.h.workers}); err != nil {
		return party{}, err
	}
	down, err := start("floor-down", job{File: ours.kept})
	if err != nil {
		return party{}, err
	}
	var ups [bulkEach]*server // each takes one upload at a time
	for i := range ups {
		into := filepath.Join(dir, fmt.Sprint("floor-", i))
		if err := os.Mkdir(into, 0o755); err != nil {
			return party{}, err
		}
		if ups[i], err = start("floor-up", job{Dir: into}); err != nil {
			return party{}, err
		}
	}
	b.add(&p, job{Protocol: "bare", Address: down.address, Server: down.pid(), Size: size},
		func(ctx context.Context, i int, file string) error {
			return runNicely(ctx, "floor-upload", job{Address: ups[i].address, File: file, Size: size, Connections: 1, Congestion: b.h.congestion})
		})
	return p, nil
}

// nginx has no server where it is not installed.
func (b *beside) nginx(dir string, ours party) (party, error) {
	n, err := startNginx(dir, b.h.workers)
	if err != nil || n == nil {
		return party{}, err
	}
	b.stopped = append(b.stopped, n.stop)
	if err := os.Link(ours.kept, filepath.Join(n.files, "large")); err != nil {
		return party{}, err
	}
	if err := os.WriteFile(filepath.Join(n.files, "small"), make([]byte, 100), 0o644); err != nil {
		return party{}, err
	}
	p := party{name: "nginx", server: n.server}
	p.probe = job{Protocol: "http", Requests: [][]byte{[]byte("GET /small HTTP/1.1\r\nHost: bench\r\n\r\n")}}
	size := min(bulkSize, b.h.size)
	b.add(&p, job{Protocol: "http", Address: n.address, Server: n.pid(), Size: size, Path: "/large"},
		func(ctx context.Context, i int, file string) error {
			return runNicely(ctx, "http-put", job{Address: n.address, Path: fmt.Sprint("/bulk-", i), File: file, Size: size, Congestion: b.h.congestion})
		})
	return p, nil
}

func sumFile(path string) ([32]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return [32]byte{}, err
	}
	defer f.Close()
	sum, _, err := hash.SumReader(f)
	return sum, err
}

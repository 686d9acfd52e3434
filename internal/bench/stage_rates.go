package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/hash"
)

// Connections of a load, and what it asks for. One connection would measure how fast an idle core wakes.
const (
	loadConnections  = 64
	batchConnections = 16
	smallCount       = 1000
	smallSize        = 4096
	batchObjects     = 100
)

// stageRates counts small requests.
type stageRates struct {
	ours     *sluice
	nginx    *nginx
	ping     *server // floor
	get      *server // floor
	job      job
	gets     [][]byte
	batches  [][]byte
	httpGets [][]byte
}

var (
	pings   = workload{"Ping", "ping, 64 connections", requests}
	smalls  = workload{"Get4K", "4 KiB contents, one a request, 64 connections", objects}
	batched = workload{"GetObjects4K", "4 KiB contents, 100 a request, 16 connections", objects}
)

func (s *stageRates) name() string { return "rates" }
func (s *stageRates) workloads() []workload {
	return append([]workload{pings, smalls, batched}, growth()...)
}

// growth is the same small content asked for on few and on many connections.
func growth() []workload {
	var all []workload
	for _, n := range growing {
		all = append(all, workload{fmt.Sprintf("Get4K/connections=%d", n), fmt.Sprintf("4 KiB contents, one a request, connections: %d", n), objects})
	}
	return all
}

var growing = [...]int{1, 10, 100, 1000}

func (s *stageRates) begin(ctx context.Context, h *harness) error {
	dir, err := h.folders.next("rates")
	if err != nil {
		return err
	}
	if s.ours, err = startSluice(ctx, h.options, dir); err != nil {
		return err
	}
	if s.nginx, err = startNginx(dir, h.workers); err != nil {
		return err
	}
	sample := filepath.Join(dir, "sample")
	if err := s.contents(ctx, sample); err != nil {
		return err
	}
	s.job = job{Protocol: "sluice", Address: s.ours.address, Server: s.ours.pid(), Congestion: h.congestion}
	if s.job.Token, err = s.ours.token(ctx); err != nil {
		return err
	}
	pingReply, err := replyLength(s.job, pingFrame())
	if err != nil {
		return err
	}
	getReply, err := replyLength(s.job, s.gets[0])
	if err != nil {
		return err
	}
	s.ping, err = startFloor("floor-echo", job{
		Request: len(pingFrame()), Reply: pingReply, Loops: h.workers, Congestion: h.congestion,
	})
	if err != nil {
		return err
	}
	s.get, err = startFloor("floor-echo", job{
		Request: len(s.gets[0]), Reply: getReply, File: sample, Size: smallSize, Loops: h.workers, Congestion: h.congestion,
	})
	return err
}

// contents makes the small contents, puts them where the servers have them, and makes the requests for them.
func (s *stageRates) contents(ctx context.Context, sample string) error {
	var all []client.Object
	var bodies [][]byte
	var hashes [][32]byte
	for i := range smallCount {
		b := make([]byte, smallSize)
		rand.Read(b)
		sum := hash.Sum(b)
		all = append(all, client.Object{Hash: sum, Size: smallSize})
		bodies, hashes = append(bodies, b), append(hashes, sum)
		s.gets = append(s.gets, getFrame(sum, 0, -1))
		s.httpGets = append(s.httpGets, fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: bench\r\n\r\n", i))
		if s.nginx != nil {
			if err := os.WriteFile(filepath.Join(s.nginx.files, fmt.Sprint(i)), b, 0o644); err != nil {
				return err
			}
		}
	}
	for i := 0; i < len(hashes); i += batchObjects {
		s.batches = append(s.batches, getObjectsFrame(hashes[i:i+batchObjects]))
	}
	if err := os.WriteFile(sample, bodies[0], 0o644); err != nil {
		return err
	}
	remote, err := s.ours.dial(ctx)
	if err != nil {
		return err
	}
	defer remote.Close()
	failed, err := remote.PutObjects(ctx, all, bodies)
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("%d contents were not taken: %s", len(failed), failed[0].Message)
	}
	return err
}

func (s *stageRates) end() {
	if s.ours != nil {
		s.ours.stop()
	}
	s.nginx.stop()
	s.ping.stop()
	s.get.stop()
}

func (s *stageRates) round(ctx context.Context, h *harness, _ int) error {
	with := func(j job, each float64) func() (measure, error) {
		if j.Connections == 0 {
			j.Connections = loadConnections
		}
		j.Duration, j.Congestion = h.rate, h.congestion
		return func() (measure, error) { return loaded(ctx, j, each) }
	}
	ours := func(requests ...[]byte) job { j := s.job; j.Requests = requests; return j }
	bare := func(floor *server, request []byte, reply int) job {
		return job{Protocol: "bare", Address: floor.address, Server: floor.pid(), Requests: [][]byte{request}, Reply: reply}
	}
	pingReply, err := replyLength(s.job, pingFrame())
	if err != nil {
		return err
	}
	getReply, err := replyLength(s.job, s.gets[0])
	if err != nil {
		return err
	}
	batch := ours(s.batches...)
	batch.Connections = batchConnections

	rows := map[string][]variant{
		pings.name: {
			{"sluice", with(ours(pingFrame()), 1)},
			{"floor", with(bare(s.ping, pingFrame(), pingReply), 1)},
		},
		smalls.name: {
			{"sluice", with(ours(s.gets...), 1)},
			{"floor", with(bare(s.get, s.gets[0], getReply), 1)},
		},
		batched.name: {
			{"sluice", with(batch, batchObjects)},
		},
	}
	if s.nginx != nil {
		cached := job{Protocol: "http", Address: s.nginx.address, Server: s.nginx.pid(), Requests: s.httpGets}
		uncached := cached
		uncached.Address = s.nginx.uncached
		web := variant{"nginx", with(cached, 1)}
		rows[smalls.name] = append(rows[smalls.name], web, variant{"nginx-open", with(uncached, 1)})
		rows[batched.name] = append(rows[batched.name], web) // beside it, one a request: it offers no batches
	}
	for i, w := range growth() {
		at := func(j job) func() (measure, error) { j.Connections = growing[i]; return with(j, 1) }
		rows[w.name] = []variant{{"sluice", at(ours(s.gets...))}, {"floor", at(bare(s.get, s.gets[0], getReply))}}
		if s.nginx != nil {
			rows[w.name] = append(rows[w.name], variant{"nginx", at(job{
				Protocol: "http", Address: s.nginx.address, Server: s.nginx.pid(), Requests: s.httpGets,
			})})
		}
	}
	for _, w := range s.workloads() {
		if !h.wanted(w) {
			continue
		}
		if err := h.interleave(ctx, w, rows[w.name]...); err != nil {
			return err
		}
	}
	return nil
}

// replyLength asks a server of ours how long its answer to a request is, head and body.
func replyLength(j job, request []byte) (int, error) {
	fd, err := dial(j.Address, j.Congestion)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := greet(fd, j); err != nil {
		return 0, err
	}
	if err := writeAll(fd, request); err != nil {
		return 0, err
	}
	header, body, err := readReply(fd)
	return preludeLen + header + int(body), err
}

package bench

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// stageConnect is connections that come, ask once and go.
type stageConnect struct {
	ours  *sluice
	floor *server
	nginx *nginx
	token string
	reply int // bytes of the answer to a hello
}

var (
	connects = workload{"Connect", "new connections: connect, hello, reply, reset; 32 at once", arrivals}
	logins   = workload{"Connect/token", "the same, the hello has a device's token", arrivals}
)

const (
	freshConnections = 32 // at once
	freshLoops       = 2  // of the load: a connection costs the client as much as the server
)

func (s *stageConnect) name() string          { return "connect" }
func (s *stageConnect) workloads() []workload { return []workload{connects, logins} }

func (s *stageConnect) begin(ctx context.Context, h *harness) error {
	dir, err := h.folders.next("connect")
	if err != nil {
		return err
	}
	if s.ours, err = startSluice(ctx, h.options, dir); err != nil {
		return err
	}
	if s.token, err = s.ours.token(ctx); err != nil {
		return err
	}
	if s.reply, err = helloLength(s.ours.address, h.congestion); err != nil {
		return err
	}
	s.floor, err = startFloor("floor-accept", job{
		Request: len(helloFrame("")), Reply: s.reply, Loops: h.workers, Congestion: h.congestion,
	})
	if err != nil {
		return err
	}
	if s.nginx, err = startNginx(dir, h.workers); err != nil || s.nginx == nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.nginx.files, "small"), make([]byte, s.reply), 0o644)
}

func (s *stageConnect) end() {
	if s.ours != nil {
		s.ours.stop()
	}
	s.floor.stop()
	s.nginx.stop()
}

func (s *stageConnect) round(ctx context.Context, h *harness, _ int) error {
	run := func(server *server, protocol string, request []byte) func() (measure, error) {
		j := job{
			Protocol: protocol, Address: server.address, Server: server.pid(), Requests: [][]byte{request}, Reply: s.reply,
			Connections: freshConnections, Loops: freshLoops, Fresh: true, Duration: h.rate, Congestion: h.congestion,
		}
		return func() (measure, error) { return loaded(ctx, j, 1) }
	}
	if h.wanted(connects) {
		variants := []variant{
			{"sluice", run(s.ours.server, "sluice", helloFrame(""))},
			{"floor", run(s.floor, "bare", helloFrame(""))},
		}
		if s.nginx != nil {
			variants = append(variants, variant{"nginx", run(s.nginx.server, "http", []byte("GET /small HTTP/1.1\r\nHost: bench\r\n\r\n"))})
		}
		if err := h.interleave(ctx, connects, variants...); err != nil {
			return err
		}
	}
	if !h.wanted(logins) {
		return nil
	}
	return h.interleave(ctx, logins, variant{"sluice", run(s.ours.server, "sluice", helloFrame(s.token))})
}

// loaded runs a load as a process of its own; an answer holds so many units.
func loaded(ctx context.Context, j job, each float64) (measure, error) {
	a, _, err := runSelf(ctx, "load", j)
	return measure{units: float64(a.Units) * each, wall: a.Wall, server: a.Server, client: a.Client}, err
}

// helloLength asks a server of ours how long its answer to a hello without a token is.
func helloLength(address, congestion string) (int, error) {
	fd, err := dial(address, congestion)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := writeAll(fd, helloFrame("")); err != nil {
		return 0, err
	}
	header, body, err := readReply(fd)
	return preludeLen + header + int(body), err
}

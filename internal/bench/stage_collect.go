package bench

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/internal/client"
	"sluice/internal/hash"
)

// stageCollect is small requests at a steady pace while nothing else happens, and while the server removes what a removed
// account has left: very many small contents and some with files of their own.
type stageCollect struct{}

var (
	collectStat = collectWorkload("stat", 0, "stat of a file at a steady pace, nothing else")
	sweptStat   = collectWorkload("stat", 1, "the same while the contents of a removed account are collected")
	collectPut  = collectWorkload("put", 0, "a new content of 100 bytes sent, durably, at a steady pace, nothing else")
	sweptPut    = collectWorkload("put", 1, "the same while the contents of a removed account are collected")
)

func collectWorkload(op string, on int, title string) workload {
	return workload{fmt.Sprintf("Collect/op=%s/collecting=%d", op, on), title, paced}
}

const (
	collectGrace = time.Second
	doomedUser   = "gone"
	doomedSmall  = 1000      // bytes of a small content
	doomedLarge  = 130 << 10 // bytes of one with a file of its own
	doomedShare  = 100       // one in so many is such a one
	doomedBatch  = 500       // contents sent at once
	doomedStep   = doomedBatch / doomedShare
)

func (s *stageCollect) name() string { return "collect" }
func (s *stageCollect) workloads() []workload {
	return []workload{collectStat, sweptStat, collectPut, sweptPut}
}
func (s *stageCollect) begin(context.Context, *harness) error { return nil }
func (s *stageCollect) end()                                  {}

// rounds: each makes as many contents twice.
func (s *stageCollect) rounds(h *harness) int { return min(h.rounds, 3) }

// round has new servers: what was removed leaves its marks on the file system.
func (s *stageCollect) round(ctx context.Context, h *harness, number int) error {
	for _, w := range [][2]workload{{collectStat, sweptStat}, {collectPut, sweptPut}} {
		if !h.wanted(w[0]) && !h.wanted(w[1]) {
			continue
		}
		if err := s.one(ctx, h, number, w[0], w[1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *stageCollect) one(ctx context.Context, h *harness, number int, alone, busy workload) error {
	dir, err := h.folders.next(fmt.Sprintf("collect-%d", number))
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours, err := startSluice(ctx, h.options, dir, "--grace", collectGrace.String())
	if err != nil {
		return err
	}
	defer ours.stop()
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, make([]byte, 100), 0o644); err != nil {
		return err
	}
	if _, err := ours.run(ctx, "", "put", small, "home:file"); err != nil {
		return err
	}
	token, err := ours.token(ctx)
	if err != nil {
		return err
	}
	j := job{
		Protocol: "sluice", Token: token, Address: ours.address, Server: ours.pid(), Requests: [][]byte{statFrame("file")},
		Connections: probeConn, Pace: probePace, Duration: h.probe, Congestion: h.congestion,
	}
	if err := ours.leave(ctx, h.doomed); err != nil {
		return fmt.Errorf("make contents: %w", err)
	}
	probed := func() (measure, error) {
		if alone.name == collectPut.name {
			j.Requests = putFrames(j.Connections * int(j.Duration/j.Pace+2))
		}
		a, _, err := runSelf(ctx, "probe", j)
		return measure{units: float64(a.Units), wall: a.Wall, server: a.Server, client: a.Client, delay: a.Delay}, err
	}
	if err := h.interleave(ctx, alone, variant{"sluice", probed}); err != nil {
		return err
	}
	return h.interleave(ctx, busy, variant{"sluice", func() (measure, error) {
		if err := ours.doom(ctx); err != nil {
			return measure{}, err
		}
		m, err := probed()
		left, failed := ours.waiting(ctx)
		if err = errors.Join(err, failed); err == nil && left == 0 && !h.hasty {
			err = errors.New("all were collected before the measurement was over")
		}
		return m, err
	}})
}

// leave lets an account upload contents.
func (l *sluice) leave(ctx context.Context, count int) error {
	if err := l.addUser(ctx, doomedUser); err != nil {
		return err
	}
	remote, err := l.dialAs(ctx, doomedUser)
	if err != nil {
		return err
	}
	defer remote.Close()
	var g errgroup.Group
	g.SetLimit(2) // one is made while the other is written
	for done := 0; done < count; done += doomedBatch {
		g.Go(func() error {
			random := rand.NewChaCha8([32]byte{byte(done), byte(done >> 8), byte(done >> 16)})
			for part := range doomedStep { // a batch of 8 MiB at most
				n := min(doomedShare, count-done-part*doomedShare)
				var all []client.Object
				var bodies [][]byte
				for i := range max(n, 0) {
					b := make([]byte, doomedSmall)
					if i == 0 {
						b = make([]byte, doomedLarge)
					}
					random.Read(b)
					all, bodies = append(all, client.Object{Hash: client.Sum(b), Size: int64(len(b))}), append(bodies, b)
				}
				if len(all) == 0 {
					return nil
				}
				failed, err := remote.PutObjects(ctx, all, bodies)
				if err != nil || len(failed) > 0 {
					return errors.Join(err, fmt.Errorf("%d contents were not taken", len(failed)))
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// doom removes the account, and waits until its contents begin to go.
func (l *sluice) doom(ctx context.Context) error {
	_, err := errand{
		name: filepath.Join(l.bin, "sluiced"), arguments: []string{"user", "remove", doomedUser, "--yes", "--data", l.data},
	}.run(ctx)
	if err != nil {
		return err
	}
	all, err := l.waiting(ctx)
	for end := time.Now().Add(20 * time.Second); err == nil; {
		var left int64
		if left, err = l.waiting(ctx); left < all {
			return err
		}
		if time.Now().After(end) {
			return errors.New("nothing is collected")
		}
		if err == nil {
			err = pause(ctx, 50*time.Millisecond)
		}
	}
	return err
}

// waiting tells how many contents nothing names.
func (l *sluice) waiting(ctx context.Context) (int64, error) {
	o, err := errand{
		name: filepath.Join(l.bin, "sluiced"), arguments: []string{"gc", "--dry-run", "--json", "--data", l.data},
	}.run(ctx)
	if err != nil {
		return 0, err
	}
	var answer struct{ Contents, Waiting int64 }
	err = json.Unmarshal([]byte(o.stdout), &answer)
	return answer.Contents + answer.Waiting, err
}

// putFrames sends contents of 100 bytes that the server does not have.
func putFrames(count int) [][]byte {
	all, body := make([][]byte, count), make([]byte, 100)
	for i := range all {
		crand.Read(body)
		b := frame(typePut, fmt.Sprintf(`{"objects":[{"hash":"%x","size":%d}]}`, hash.Sum(body), len(body)))
		all[i] = append(withBody(b, len(body)), body...)
	}
	return all
}

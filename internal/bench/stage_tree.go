package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// stageTree is a tree of small files up: for the first time, with nothing changed, a second time to another folder, a copy of it
// that this client has never seen to a third one, and with 1 % of the files changed.
type stageTree struct {
	tree  string // a copy of the folder to push, changed round after round
	twin  string // another, changed alike
	files []string
}

var (
	treeFirst   = workload{"Tree/first", "a source tree up for the first time", files}
	treeSame    = workload{"Tree/same", "the same tree again, nothing changed", files}
	treeCopied  = workload{"Tree/copied", "the same tree a second time, to another folder", files}
	treeTwin    = workload{"Tree/twin", "a copy of it made by cp -a, to a third folder", files}
	treeChanged = workload{"Tree/changed", "the same tree again, 1 % of the files changed", files}
)

func (s *stageTree) name() string { return "tree" }
func (s *stageTree) workloads() []workload {
	return []workload{treeFirst, treeSame, treeCopied, treeTwin, treeChanged}
}
func (s *stageTree) end() {}

func (s *stageTree) begin(_ context.Context, h *harness) error {
	dir, err := h.folders.next("tree")
	if err != nil {
		return err
	}
	s.tree, s.twin = filepath.Join(dir, "tree"), filepath.Join(dir, "twin")
	if err := os.CopyFS(s.tree, os.DirFS(h.tree)); err != nil {
		return fmt.Errorf("copy the tree: %w", err)
	}
	if out, err := exec.Command("cp", "-a", s.tree, s.twin).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the tree: %w: %s", err, out)
	}
	return filepath.WalkDir(s.tree, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			s.files = append(s.files, path)
		}
		return err
	})
}

// change makes every hundredth file a line longer, others in each round.
func (s *stageTree) change(number int) error {
	for i := number % 100; i < len(s.files); i += 100 {
		for _, path := range []string{s.files[i], s.twin + strings.TrimPrefix(s.files[i], s.tree)} {
			if err := lengthen(path, number); err != nil {
				return err
			}
		}
	}
	return nil
}

func lengthen(path string, number int) error {
	if err := os.Chmod(path, 0o644); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "// changed in round %d\n", number)
	return errors.Join(err, f.Close())
}

// rest is as long as files must have been left alone for a client to remember them: a tree that is worth a second copy was not
// written a moment ago.
const rest = 2500 * time.Millisecond

func (s *stageTree) round(ctx context.Context, h *harness, number int) error {
	if !h.hasty {
		time.Sleep(rest)
	}
	dir, err := h.folders.next(fmt.Sprintf("tree-%d", number))
	if err != nil {
		return err
	}
	ours, err := startSluice(ctx, h.options, dir)
	if err != nil {
		return err
	}
	defer ours.stop()
	daemon, err := startRsync(dir)
	if err != nil {
		return err
	}
	defer daemon.stop()
	count := float64(len(s.files))
	both := []variant{{"sluice", func() (measure, error) { return ours.timed(ctx, count, "push", s.tree, "home:tree") }}}
	if daemon != nil {
		both = append(both, variant{"rsync", func() (measure, error) {
			return rsyncTimed(ctx, daemon, count, s.tree+"/", "rsync://"+daemon.address+"/bench/tree/")
		}})
	}

	floor, err := startFloor("floor-tree", job{Dir: dir, Congestion: h.congestion})
	if err != nil {
		return err
	}
	defer floor.stop()
	first := append(both[:len(both):len(both)], variant{"floor", func() (measure, error) {
		return s.byOurs(ctx, h, floor, "floor-push", job{Address: floor.address, Connections: 4})
	}})
	web, err := h.folders.next(fmt.Sprintf("tree-%d-nginx", number))
	if err != nil {
		return err
	}
	n, err := startNginx(web, h.workers)
	if err != nil {
		return err
	}
	defer n.stop()
	if n != nil {
		first = append(first, variant{"nginx", func() (measure, error) {
			return s.byOurs(ctx, h, n.server, "http-push", job{Address: n.address, Path: "/tree", Connections: 16})
		}})
	}

	if err := h.interleave(ctx, treeFirst, first...); err != nil {
		return err
	}
	if err := h.interleave(ctx, treeSame, both...); err != nil {
		return err
	}
	if err := h.interleave(ctx, treeCopied, variant{"sluice", func() (measure, error) {
		return ours.timed(ctx, count, "push", s.tree, "home:copy")
	}}); err != nil {
		return err
	}
	if err := h.interleave(ctx, treeTwin, variant{"sluice", func() (measure, error) {
		return ours.timed(ctx, count, "push", s.twin, "home:twin")
	}}); err != nil {
		return err
	}
	if err := s.change(number); err != nil {
		return err
	}
	return h.interleave(ctx, treeChanged, both...)
}

func (s *stageTree) byOurs(ctx context.Context, h *harness, server *server, program string, j job) (measure, error) {
	j.Dir, j.Congestion = s.tree, h.congestion
	before := treeCPU(server.pid())
	_, o, err := runSelf(ctx, program, j)
	trail()
	return measure{units: float64(len(s.files)), wall: o.wall, client: o.cpu, server: treeCPU(server.pid()) - before}, err
}

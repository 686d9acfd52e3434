package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// stageWatch is two devices that watch one folder of many small files: what they take while nothing happens, and what one
// changed file costs until the other device has it.
type stageWatch struct {
	names   int
	server  *sluice
	devices [2]device
	changes int // made so far
}

// device is a client machine of its own, and the process that watches its folder.
type device struct {
	*sluice
	dir     string
	watcher *server
}

const (
	watchIdle   = "Watch/idle"
	watchChange = "Watch/change"
	watchDir    = "home:watched"
	perChange   = 2 * time.Second // from one change to the next: all that follows from one is over
	perRound    = 5               // changes
)

func (s *stageWatch) name() string { return "watch" }

func (s *stageWatch) workloads() []workload {
	return []workload{
		{watchIdle, fmt.Sprintf("a device that watches a folder of %d files while nothing happens", s.names), watching},
		{watchChange, fmt.Sprintf("one of %d files changed, until a second device that watches has it", s.names), changes},
	}
}

// rounds: each waits.
func (s *stageWatch) rounds(h *harness) int { return min(h.rounds, 3) }

func (s *stageWatch) begin(ctx context.Context, h *harness) error {
	dir, err := h.folders.next("watch")
	if err != nil {
		return err
	}
	if s.server, err = startSluice(ctx, h.options, dir); err != nil {
		return err
	}
	for i := range s.devices {
		d := &s.devices[i]
		home := filepath.Join(dir, fmt.Sprint("device-", i))
		d.dir = filepath.Join(home, "files")
		if err := os.MkdirAll(d.dir, 0o755); err != nil {
			return err
		}
		if d.sluice, err = s.server.elsewhere(ctx, home); err != nil {
			return err
		}
	}
	if err := manyFiles(s.devices[0].dir, s.names); err != nil {
		return err
	}
	for i := range s.devices { // a process that has only watched: the memory of a first sync would be used again unseen
		d := &s.devices[i]
		if _, err := d.run(ctx, "", "sync", d.dir, watchDir); err != nil {
			return err
		}
		if err := d.watch(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stageWatch) end() {
	for i := range s.devices {
		s.devices[i].watcher.stop()
	}
	if s.server != nil {
		s.server.stop()
	}
}

func (s *stageWatch) round(ctx context.Context, h *harness, _ int) error {
	all := s.workloads()
	err := h.interleave(ctx, all[0], variant{"sluice", func() (measure, error) { return s.idle(ctx, h) }})
	if err != nil {
		return err
	}
	return h.interleave(ctx, all[1], variant{"sluice", func() (measure, error) { return s.change(ctx, h) }})
}

// idle measures the device that takes more memory.
func (s *stageWatch) idle(ctx context.Context, h *harness) (measure, error) {
	before, begin := s.clients(), time.Now()
	if err := pause(ctx, h.wait); err != nil {
		return measure{}, err
	}
	m := measure{units: 1, wall: time.Since(begin), client: (s.clients() - before) / time.Duration(len(s.devices))}
	for i := range s.devices {
		n, err := treePSS(s.devices[i].watcher.pid())
		if err != nil {
			return m, err
		}
		m.memory = max(m.memory, n)
	}
	return m, nil
}

// change changes files, one after another, on one device and waits for each on the other.
func (s *stageWatch) change(ctx context.Context, h *harness) (measure, error) {
	n, gap := perRound, perChange
	if h.hasty {
		n, gap = 1, 100*time.Millisecond
	}
	m := measure{units: float64(n)}
	before, served := s.clients(), treeCPU(s.server.pid())
	for range n {
		s.changes++
		name := manyName(s.changes * 7919 % s.names) // a prime: now in this folder, now in that one
		text := fmt.Appendf(nil, "changed, number %d\n", s.changes)
		begin := time.Now()
		if err := os.WriteFile(filepath.Join(s.devices[0].dir, name), text, 0o644); err != nil {
			return m, err
		}
		if err := arrives(ctx, filepath.Join(s.devices[1].dir, name), text); err != nil {
			return m, err
		}
		m.wall += time.Since(begin)
		if err := pause(ctx, gap); err != nil {
			return m, err
		}
	}
	m.client, m.server = s.clients()-before, treeCPU(s.server.pid())-served
	return m, nil
}

// clients is the CPU time of both watchers.
func (s *stageWatch) clients() (sum time.Duration) {
	for i := range s.devices {
		sum += treeCPU(s.devices[i].watcher.pid())
	}
	return sum
}

// arrives waits until a file has this content.
func arrives(ctx context.Context, path string, want []byte) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		got, err := os.ReadFile(path)
		if err == nil && bytes.Equal(got, want) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s has not come", path)
}

// elsewhere is the same server as another machine sees it, which is logged in there.
func (l *sluice) elsewhere(ctx context.Context, home string) (*sluice, error) {
	other := *l
	other.env = append([]string(nil), l.env...)
	for _, name := range []string{"CONFIG_HOME", "STATE_HOME", "CACHE_HOME", "DATA_HOME", "RUNTIME_DIR"} {
		other.env = append(other.env, "XDG_"+name+"="+filepath.Join(home, "client"))
	}
	_, err := other.run(ctx, benchPassword+"\n", "login", l.url(), "--user", benchUser, "--password-stdin", "--name", "home")
	return &other, err
}

// watch keeps the device's folder in step, and returns when it is.
func (d *device) watch(ctx context.Context) error {
	command := exec.Command(filepath.Join(d.bin, "sluice"), "sync", d.dir, watchDir, "--watch", "--quiet")
	command.Env = append(os.Environ(), d.env...)
	var err error
	if d.watcher, err = start("sluice sync --watch", command); err != nil {
		return err
	}
	return d.watcher.answers(func() error {
		_, err := d.run(ctx, "", "wait", "--synced", d.dir)
		return err
	})
}

// manyFiles makes so many small files, all different, a thousand to a folder.
func manyFiles(dir string, names int) error {
	for i := range names {
		path := filepath.Join(dir, manyName(i))
		if i%perFolder == 0 {
			if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, "file %d\n", i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func manyName(i int) string { return filepath.Join(folderName(i/perFolder), fileName(i%perFolder)) }

// countFiles counts the regular files below dir.
func countFiles(dir string) (n int, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	return n, err
}

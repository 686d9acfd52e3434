package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// stageResume is a large upload whose client is killed when half of the file is on the server, and that another run brings to
// its end: what is counted is that run.
type stageResume struct{}

var resumed = workload{"Resume/killed=half", "a large upload, killed at half, brought to its end", resends}

func (stageResume) name() string                          { return "resume" }
func (stageResume) workloads() []workload                 { return []workload{resumed} }
func (stageResume) begin(context.Context, *harness) error { return nil }
func (stageResume) end()                                  {}

func (stageResume) round(ctx context.Context, h *harness, _ int) error {
	if err := stamp(h.source); err != nil {
		return err
	}
	u := up{ctx: ctx, h: h}
	return h.interleave(ctx, resumed, variant{"sluice", u.within("resume", u.resumed)})
}

func (u up) resumed(dir string) (m measure, err error) {
	l, err := startSluice(u.ctx, u.h.options, dir)
	if err != nil {
		return m, err
	}
	defer l.stop()
	if err := u.killed(l); err != nil {
		return m, err
	}
	carried, err := l.carried()
	if err != nil {
		return m, err
	}
	written := writeBytes(l.pid())
	m, err = l.timed(u.ctx, 1, "put", u.h.source, "home:large")
	if err != nil {
		return m, err
	}
	m.size, m.written = u.h.size, writeBytes(l.pid())-written
	now, err := l.carried()
	m.wire = now - carried
	return m, err
}

// killed sends the file until half of it is kept, and kills the client then.
func (u up) killed(l *sluice) (err error) {
	remote, err := l.dial(u.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remote.Close()) }()
	arguments, enough := []string{"put", u.h.source, "home:large"}, u.h.size/2
	if u.h.hasty { // too small a file to be seen half-way: any chunk will do
		arguments, enough = append(arguments, "--limit-rate", "4M"), 1
	}
	client := exec.CommandContext(u.ctx, filepath.Join(l.bin, "sluice"), arguments...)
	client.Env = append(os.Environ(), l.env...)
	if err := client.Start(); err != nil {
		return err
	}
	defer func() {
		_ = client.Process.Kill()
		_ = client.Wait()
		trail() // what had arrived is being kept
	}()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		all, err := remote.Uploads(u.ctx)
		if err != nil {
			return err
		}
		if len(all) > 0 && all[0].Present >= enough {
			return nil
		}
	}
	return fmt.Errorf("half of %d bytes did not arrive in %v", u.h.size, patience)
}

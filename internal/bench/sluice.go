package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"sluice/internal/client"
)

const (
	benchUser     = "bench"
	benchPassword = "a password for loopback"
)

// sluice is a server of ours with one account, and a client that is logged in to it.
type sluice struct {
	*server
	bin  string
	env  []string // of the client
	data string
}

// startSluice starts a server on a new data folder below dir, with more flags if need be.
func startSluice(ctx context.Context, o *options, dir string, more ...string) (*sluice, error) {
	l := &sluice{bin: o.bin, data: filepath.Join(dir, "data")}
	for _, name := range []string{"CONFIG", "STATE", "CACHE", "DATA"} {
		l.env = append(l.env, "XDG_"+name+"_HOME="+filepath.Join(dir, "client"))
	}
	if o.congestion != "" {
		l.env = append(l.env, "SLUICE_CONGESTION="+o.congestion)
	}
	if err := l.addUser(ctx, benchUser); err != nil {
		return nil, err
	}
	serve := exec.Command(filepath.Join(l.bin, "sluiced"), append([]string{"serve", "--data", l.data, "--listen", "127.0.0.1:0",
		"--workers", fmt.Sprint(o.workers), "--log-level", "warn"}, more...)...)
	serve.Env = os.Environ()
	if o.congestion != "" {
		serve.Env = append(serve.Env, "SLUICED_CONGESTION="+o.congestion)
	}
	var err error
	if l.server, err = start("sluiced", serve); err != nil {
		return nil, err
	}
	if err := l.answers(l.find); err != nil {
		l.stop()
		return nil, err
	}
	_, err = l.run(ctx, benchPassword+"\n", "login", l.url(), "--user", benchUser, "--password-stdin", "--name", "home")
	if err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

// addUser adds an account, beside the server if it runs.
func (l *sluice) addUser(ctx context.Context, name string) error {
	_, err := errand{
		name: filepath.Join(l.bin, "sluiced"), stdin: []byte(benchPassword + "\n"),
		arguments: []string{"user", "add", name, "--password-stdin", "--data", l.data},
	}.run(ctx)
	return err
}

// find asks the server where it listens.
func (l *sluice) find() error {
	out, err := exec.Command(filepath.Join(l.bin, "sluiced"), "status", "--json", "--data", l.data).Output()
	if err != nil {
		return err
	}
	var status struct {
		Listen  []string `json:"listen"`
		Workers []struct {
			State string `json:"state"`
		} `json:"workers"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return err
	}
	if len(status.Listen) == 0 || len(status.Workers) == 0 {
		return errors.New("not ready")
	}
	for _, w := range status.Workers {
		if w.State != "ready" {
			return errors.New("not ready")
		}
	}
	l.address = status.Listen[0]
	return nil
}

// content finds the file that the server keeps a large content of so many bytes in.
func (l *sluice) content(size int64) (path string, err error) {
	err = filepath.WalkDir(l.data, func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() == size {
			path = at
			err = fs.SkipAll
		}
		return err
	})
	if err == nil && path == "" {
		err = fmt.Errorf("no file of %d bytes in %s", size, l.data)
	}
	return path, err
}

func (l *sluice) url() string { return "sluice+plain://" + l.address }

// run runs the client to its end.
func (l *sluice) run(ctx context.Context, stdin string, arguments ...string) (outcome, error) {
	return errand{
		name: filepath.Join(l.bin, "sluice"), arguments: arguments, env: l.env, stdin: []byte(stdin),
	}.run(ctx)
}

// timed runs the client and measures both sides.
func (l *sluice) timed(ctx context.Context, units float64, arguments ...string) (measure, error) {
	before := treeCPU(l.pid())
	o, err := l.run(ctx, "", arguments...)
	return measure{units: units, wall: o.wall, client: o.cpu, server: treeCPU(l.pid()) - before}, err
}

// token logs in once more, for the clients of ours that speak the protocol by hand.
func (l *sluice) token(ctx context.Context) (string, error) {
	remote, err := l.dial(ctx)
	if err != nil {
		return "", err
	}
	defer remote.Close()
	return remote.Token(), nil
}

// dial connects a client that is logged in.
func (l *sluice) dial(ctx context.Context) (*client.Remote, error) { return l.dialAs(ctx, benchUser) }

func (l *sluice) dialAs(ctx context.Context, user string) (*client.Remote, error) {
	remote, err := client.Dial(ctx, client.Options{Address: l.url(), Agent: "bench"})
	if err != nil {
		return nil, err
	}
	if _, err := remote.Login(ctx, user, benchPassword, "bench"); err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	return remote, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"sluice/internal/client"
	"sluice/internal/live"
	"sluice/internal/mirror"
	"sluice/internal/syncer"
)

// watch keeps pairs in step until it is interrupted. What stops one of them does not stop the others; the error is the
// first one's.
func (s *syncing) watch(parent context.Context, pairs []pair) error {
	if s.flags.dry {
		return usagef("--dry-run goes without --watch")
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	s.p.gentle.Store(true)
	for _, pair := range pairs {
		if err := s.lock(pair.dir); err != nil && !s.later(err) {
			return err
		}
	}
	network := live.WatchNetwork()
	defer network.Close()
	var roots []*live.Root
	var folders opened
	defer folders.close()
	for _, pair := range pairs {
		root, err := s.root(ctx, pair, network, &folders)
		if err != nil {
			return err
		}
		roots = append(roots, root)
	}
	sockets, err := s.p.socketFolder()
	if err != nil {
		return err
	}
	end, err := live.Serve(sockets, roots)
	if err != nil {
		return err
	}
	defer end()
	go func() {
		select {
		case <-s.p.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	var group sync.WaitGroup
	defer group.Wait()
	for _, l := range s.links {
		group.Go(func() { s.follow(ctx, l, network.Subscribe()) })
	}
	group.Go(func() { keepAlive(ctx, roots) })
	errs := make(chan error)
	for i, root := range roots {
		group.Go(func() {
			err := root.Run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", pairs[i].dir, err)
			}
			errs <- err
		})
	}
	var first error
	for range roots {
		err := <-errs
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		} else {
			s.p.tell(err, client.ExitCode(err))
		}
	}
	cancel()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	return first
}

// later says whether a folder that cannot be opened may be there later: a disk that is not mounted keeps a service from
// syncing the other folders no more than a server that is away does.
func (s *syncing) later(err error) bool {
	return s.flags.all && (errors.Is(err, fs.ErrNotExist) || client.ExitCode(err) == client.ExitNotFound)
}

// opened are the folders that were opened, to be closed.
type opened struct {
	mu   sync.Mutex
	list []*syncer.Folder
}

func (o *opened) add(f *syncer.Folder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, f)
}

func (o *opened) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.list {
		_ = f.Close()
	}
}

// root begins to watch one pair.
func (s *syncing) root(ctx context.Context, pair pair, network *live.Network, folders *opened) (*live.Root, error) {
	remembered, err := s.remembered(pair)
	if err != nil {
		return nil, err
	}
	skip := &skipper{open: func() (*syncer.Folder, error) {
		f, err := syncer.OpenFolder(pair.dir, syncer.FolderOptions{Filter: &s.flags.filter, Look: true})
		if err == nil {
			folders.add(f)
		}
		return f, err
	}}
	if _, err := skip.folder(); err != nil && !s.later(err) {
		return nil, err
	}
	l := s.link(pair.place.remote)
	return live.NewRoot(live.RootConfig{
		Dir: pair.dir, Remote: pair.place.String(), State: remembered,
		Open: func(ctx context.Context) (live.Mirror, error) {
			if err := s.lock(pair.dir); errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%w: is something not mounted?", err)
			} else if err != nil {
				return nil, err
			}
			m, folder, err := s.mirror(ctx, pair, new(syncer.Progress))
			if err != nil {
				return nil, err
			}
			folders.add(folder)
			return m, nil
		},
		Skip:    skip.skip,
		News:    l.news.Subscribe(),
		Network: network.Subscribe(),
		Looked:  func(r *mirror.Result) { s.p.looked(pair, r) },
		Log:     func(format string, args ...any) { s.p.warn(fmt.Sprintf(format, args...)) },
	}), nil
}

// skipper says which folders need no watching, as what is in them is left alone.
type skipper struct {
	open func() (*syncer.Folder, error)

	mu sync.Mutex
	is *syncer.Folder // nil: not there yet
}

func (s *skipper) folder() (*syncer.Folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.is != nil {
		return s.is, nil
	}
	f, err := s.open()
	if err == nil {
		s.is = f
	}
	return f, err
}

func (s *skipper) skip(path string) bool {
	f, err := s.folder()
	if err != nil {
		return false
	}
	_, _, _, ignored, err := f.Why(path + "/")
	return err == nil && ignored
}

// follow waits for news of a remote, once the roots have reached it.
func (s *syncing) follow(ctx context.Context, l *link, wake <-chan struct{}) {
	select {
	case <-l.reached:
		l.news.Follow(ctx, l.server.Remote, wake)
	case <-ctx.Done():
	}
}

// looked says what a look has done, if it did anything.
func (p *program) looked(pair pair, r *mirror.Result) {
	p.tellProblems(r.Problems)
	line := syncedLine(r)
	if line == "" {
		return
	}
	if p.flags.json {
		_ = p.printJSON(struct {
			Event   string `json:"event"`
			Dir     string `json:"dir"`
			Journal int64  `json:"journal"`
			Sent    int    `json:"sent"`
			Fetched int    `json:"fetched"`
			Moved   int    `json:"moved"`
			Deleted int    `json:"deleted"`
		}{"looked", nameJSON(pair.dir), r.Journal, r.Sent, r.Fetched, r.Moved, r.Deleted})
		return
	}
	p.say("%s  %s: %s", time.Now().Format("15:04:05"), visible(pair.dir), line)
}

// warn says something on standard error that ends nothing.
func (p *program) warn(text string) { fmt.Fprintf(p.stderr, "sluice: %s\n", visible(text)) }

// keepAlive tells systemd that all is up, how it is, and, for as long as all roots answer, that it lives.
func keepAlive(ctx context.Context, roots []*live.Root) {
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	every := 10 * time.Second
	if watchdog, err := daemon.SdWatchdogEnabled(false); err == nil && watchdog > 0 {
		every = min(every, watchdog/2)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := ""
	for {
		text, err := summary(roots)
		if err == nil {
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
		if text != last {
			_, _ = daemon.SdNotify(false, "STATUS="+text)
			last = text
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// summary is how all roots are, in a line.
func summary(roots []*live.Root) (string, error) {
	counts := make(map[live.State]int)
	for _, r := range roots {
		report, err := r.Report()
		if err != nil {
			return "", err
		}
		counts[report.State]++
	}
	text := ""
	for _, state := range []live.State{live.InSync, live.Syncing, live.Pending, live.Unknown, live.Failing, live.Offline, live.Stopped} {
		if n := counts[state]; n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", n, state)
		}
	}
	return text, nil
}

// socketFolder is where running watchers are asked.
func (p *program) socketFolder() (string, error) {
	if dir, _ := p.lookup("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
			return filepath.Join(dir, "sluice"), nil
		}
	}
	dir, err := p.stateFolder()
	if err != nil {
		return "", errors.Join(usagef("XDG_RUNTIME_DIR is not set"), err)
	}
	return filepath.Join(dir, "run"), nil
}

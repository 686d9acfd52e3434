package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/internal/client"
	"sluice/internal/live"
	"sluice/internal/mirror"
	"sluice/internal/reconcile"
	"sluice/internal/state"
	"sluice/internal/syncer"
)

// syncFlags are those of sync.
type syncFlags struct {
	filter    syncer.Filter
	watch     bool
	all       bool
	forget    bool
	maxDelete string
	hashFirst bool
	device    string
	sets      []string // names of folders that are sets; nil: those that are remembered
	dry       bool
}

func (s *syncFlags) add(f *pflag.FlagSet) {
	f.SortFlags = false
	f.BoolVar(&s.watch, "watch", false, "go on, and send and fetch what changes as it does")
	f.BoolVar(&s.all, "all", false, "all folders that were synced before, or those of one REMOTE:")
	f.BoolVar(&s.forget, "forget", false, "sync the folder no more; nothing is deleted, here or on the server")
	f.StringVar(&s.maxDelete, "max-delete", "", "stop before deleting more than `N` names, or P% of them")
	filterFlags(f, &s.filter)
	f.StringVar(&s.device, "device", "", "what this device is called in the names of conflicts (default: the host's name)")
	f.StringArrayVar(&s.sets, "set", nil, "folders of this `NAME` go as one thing with all they hold; may be repeated, '' is none; remembered (default .git)")
	hashFirstFlag(f, &s.hashFirst)
	dryRun(f, &s.dry)
}

func (p *program) syncCommand() *cobra.Command {
	var flags syncFlags
	c := p.command(&cobra.Command{
		Use:   "sync DIR REMOTE:PATH | sync DIR | sync --all [REMOTE:]",
		Short: "Keep a folder and one on the server the same, both ways",
		Long: `What changed on one side since the last sync is done on the other: files are sent, fetched, moved, deleted. Where both
sides changed a file, the server's keeps the name and this device's becomes "name (conflict DEVICE DATE).ext"; nothing is
lost. A file that was edited on one side and deleted on the other stays. The first time, both folders are merged by
content. What .sluiceignore says, in any folder and by gitignore's rules, is left alone; .sluiceignore.local likewise, and
is itself not synced. A repository's .git, and any folder named by --set, goes as one thing with all it holds, once it has
been left alone for three seconds, so that it never is a mixture of two states. A folder that was synced before needs no REMOTE:PATH.`,
		Example: `  sluice sync ~/docs home:docs                 once
  sluice sync ~/docs home:docs --watch         until interrupted, within a second
  sluice sync -n ~/docs                        what would it do?
  sluice sync --all --watch                    all that were synced before: what a service runs
  sluice sync --forget ~/docs                  no more; both folders stay as they are`,
		ValidArgsFunction: p.completeSides(true),
	}, func(ctx context.Context, args []string) error {
		return p.sync(ctx, args, &flags)
	})
	flags.add(c.Flags())
	return c
}

// pair is a local folder and the place on a server it is synced with.
type pair struct {
	dir   string // absolute, as the system knows it
	place remotePath
}

func (p *program) sync(ctx context.Context, args []string, flags *syncFlags) error {
	for _, name := range flags.sets {
		if err := client.CheckName(name); name != "" && err != nil {
			return usagef("--set: %v", err)
		}
	}
	limit, err := reconcile.ParseLimit(flags.maxDelete)
	if err != nil {
		return usagef("--max-delete: %v", err)
	}
	limit.Sure = p.flags.yes
	path, err := p.stateFile()
	if err != nil {
		return err
	}
	st, err := state.Open(path)
	if err != nil {
		return err
	}
	defer st.Close()
	pairs, err := p.pairs(st, args, flags)
	if err != nil {
		return err
	}
	s := &syncing{p: p, flags: flags, limit: limit, state: st}
	defer s.close()
	switch {
	case flags.forget:
		return s.forget(pairs)
	case flags.watch:
		return s.watch(ctx, pairs)
	}
	for _, pair := range pairs {
		if err := s.once(ctx, pair); err != nil {
			return err
		}
	}
	return nil
}

// pairs are the folders that the arguments mean.
func (p *program) pairs(st *state.State, args []string, flags *syncFlags) ([]pair, error) {
	known, err := st.Syncs()
	if err != nil {
		return nil, err
	}
	switch {
	case flags.all && flags.forget:
		return nil, usagef("--forget needs the folder: sluice sync --forget DIR")
	case flags.all && len(args) <= 1:
		return allPairs(known, args)
	case !flags.all && len(args) == 1:
		root, err := rootAt(known, args[0])
		if err != nil {
			return nil, err
		}
		return []pair{pairOf(root)}, nil
	case !flags.all && len(args) == 2 && !flags.forget:
		dir, place, err := sides("sync", args[0], args[1])
		if err != nil {
			return nil, err
		}
		if dir, err = realFolder(dir); err != nil {
			return nil, err
		}
		if err := apart(known, dir, place); err != nil {
			return nil, err
		}
		return []pair{{dir, place}}, nil
	}
	return nil, usagef("write: sluice sync DIR REMOTE:PATH, or sluice sync --all")
}

func pairOf(root *state.SyncRoot) pair {
	return pair{root.Dir, remotePath{remote: root.Remote, names: strings.FieldsFunc(root.Path, func(c rune) bool { return c == '/' })}}
}

func allPairs(known []state.SyncRoot, args []string) (list []pair, err error) {
	only := ""
	if len(args) > 0 {
		only = strings.TrimSuffix(args[0], ":")
	}
	for i := range known {
		if only == "" || known[i].Remote == only {
			list = append(list, pairOf(&known[i]))
		}
	}
	if len(list) == 0 {
		return nil, notFoundError("no folder was synced yet: begin with sluice sync DIR REMOTE:PATH")
	}
	return list, nil
}

// realFolder is the one path that a folder is remembered by.
func realFolder(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if os.IsNotExist(err) {
		return "", notFoundError(fmt.Sprintf("%s: there is no such folder", visible(dir)))
	}
	return real, err
}

// apart refuses a folder that lies in one that is synced already, or holds one: each would carry the other's files.
func apart(known []state.SyncRoot, dir string, place remotePath) error {
	for i := range known {
		r := &known[i]
		if r.Dir != dir && (within(r.Dir, dir) || within(dir, r.Dir)) {
			return usagef("%s is synced with %s:%s already, and one folder lies in the other: end one with `sluice sync --forget %s`",
				visible(r.Dir), visible(r.Remote), visible(r.Path), visible(r.Dir))
		}
		if r.Dir == dir && (r.Remote != place.remote || r.Path != strings.Join(place.names, "/")) {
			return usagef("%s is synced with %s:%s already: end that with `sluice sync --forget %s`, and begin anew",
				visible(dir), visible(r.Remote), visible(r.Path), visible(dir))
		}
	}
	return nil
}

// within says whether path lies in dir, or is it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// rootAt finds the synced folder that a local path lies in.
func rootAt(known []state.SyncRoot, path string) (*state.SyncRoot, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil && abs != "/" {
		abs = filepath.Join(real, filepath.Base(abs)) // the last name may be a link that is itself synced, or be gone
	}
	candidates := []string{abs}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		candidates = append(candidates, real)
	}
	for _, at := range candidates {
		for i := range known {
			if within(at, known[i].Dir) {
				return &known[i], nil
			}
		}
	}
	return nil, notFoundError(fmt.Sprintf("%s is in no folder that is synced: begin with sluice sync DIR REMOTE:PATH", visible(path)))
}

// syncing is one run of sync.
type syncing struct {
	p     *program
	flags *syncFlags
	limit reconcile.Limit
	state *state.State
	look  bool // nothing is changed, here or there
	links map[string]*link

	mu    sync.Mutex
	locks map[string]*live.Lock // by folder
}

func (s *syncing) close() {
	for _, l := range s.links {
		l.close()
	}
	for _, l := range s.locks {
		l.Free()
	}
}

// lock keeps others from syncing the folder. It is taken once.
func (s *syncing) lock(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[dir] != nil {
		return nil
	}
	folder, err := s.p.stateFolder()
	if err != nil {
		return err
	}
	l, err := live.TakeLock(filepath.Join(folder, "sync"), dir)
	if err != nil {
		return err
	}
	if s.locks == nil {
		s.locks = make(map[string]*live.Lock)
	}
	s.locks[dir] = l
	return nil
}

func (s *syncing) forget(pairs []pair) error {
	for _, pair := range pairs {
		if s.flags.dry {
			s.p.say("%s would no longer be synced with %s", visible(pair.dir), visible(pair.place.String()))
			continue
		}
		if err := s.lock(pair.dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // a folder that is gone is no reason to remember it
			return err
		}
		known, err := s.remembered(pair)
		if err != nil {
			return err
		}
		if err := known.Drop(); err != nil {
			return err
		}
		s.p.say("%s is no longer synced with %s; both stay as they are", visible(pair.dir), visible(pair.place.String()))
	}
	return nil
}

// remembered is what the state knows of a pair.
func (s *syncing) remembered(pair pair) (*state.Sync, error) {
	all, err := s.p.loadRemotes()
	if err != nil {
		return nil, err
	}
	at, err := all.find(pair.place.remote)
	if err != nil {
		return nil, err
	}
	return s.state.Sync(&state.SyncRoot{
		Remote: pair.place.remote, Server: at.Server, Path: strings.Join(pair.place.names, "/"), Dir: pair.dir, Device: s.device(),
		Sets: defaultSets,
	})
}

// device is what this device is called in the names of conflicts.
func (s *syncing) device() string {
	if s.flags.device != "" {
		return s.flags.device
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "unnamed"
	}
	host, _, _ = strings.Cut(host, ".")
	return host
}

// once makes a pair the same, and says what was done.
func (s *syncing) once(ctx context.Context, pair pair) error {
	if !s.flags.dry {
		if err := s.lock(pair.dir); err != nil {
			return err
		}
	}
	var progress syncer.Progress
	m, folder, err := s.mirror(ctx, pair, &progress)
	if err != nil {
		return err
	}
	defer folder.Close()
	if s.flags.dry {
		return s.p.plan(ctx, m)
	}
	s.p.gentle.Store(true)
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.p.stop:
			cancel()
		case <-run.Done():
		}
	}()
	end := s.p.display(&progress)
	result, err := m.Run(run)
	end()
	if err != nil && ctx.Err() == nil && run.Err() != nil {
		err = syncer.ErrInterrupted
	}
	return s.p.synced(pair, result, err)
}

// mirror opens what is needed to sync a pair. The caller closes the folder.
func (s *syncing) mirror(ctx context.Context, pair pair, progress *syncer.Progress) (*mirror.Mirror, *syncer.Folder, error) {
	server, err := s.link(pair.place.remote).reach(ctx)
	if err != nil {
		return nil, nil, err
	}
	remembered, err := s.remembered(pair)
	if err != nil {
		return nil, nil, err
	}
	sets, err := s.sets(remembered)
	if err != nil {
		return nil, nil, err
	}
	folder, err := syncer.OpenFolder(pair.dir, syncer.FolderOptions{Filter: &s.flags.filter, Sets: sets, Look: s.look || s.flags.dry})
	if err != nil {
		return nil, nil, err
	}
	contents := syncer.NewContents(folder, syncer.ContentsOptions{Server: server.Remote, HashFirst: s.flags.hashFirst, Progress: progress})
	m, err := mirror.Open(mirror.Config{
		Folder: folder, Contents: contents, Server: server.Remote, State: remembered, Device: s.flags.device,
		Options: mirror.Options{Limit: s.limit, Sets: sets, Quiet: quiet, Rules: syncer.IgnoreFile},
		Sleep:   s.pause(),
		Events:  s.p.syncEvent,
	})
	if err != nil {
		folder.Close()
		return nil, nil, err
	}
	return m, folder, nil
}

// failedError is a run that ended well but for some names.
type failedError struct {
	code int
	text string
}

func (e failedError) Error() string { return e.text }
func (e failedError) ExitCode() int { return e.code }

// outcome is the error that a result ends with, if any.
func outcome(r *mirror.Result) error {
	switch r.ExitCode() {
	case client.ExitSomeFailed:
		return failedError{client.ExitSomeFailed, "not all could be synced"}
	case client.ExitConflicts:
		return failedError{client.ExitConflicts, fmt.Sprintf("%s: see `sluice conflicts ls`", count(int64(len(r.Conflicts)), "conflict needs you", "conflicts need you"))}
	}
	return nil
}

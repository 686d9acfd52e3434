package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/syncer"
)

func (p *program) getCommand() *cobra.Command {
	var output, at string
	var dry bool
	c := p.command(&cobra.Command{
		Use:   "get REMOTE:PATH",
		Short: "Fetch one file",
		Example: `  sluice get home:docs/a.txt                into the current folder
  sluice get home:docs/a.txt -o /tmp/b.txt
  sluice get home:photos.tar -o - | tar x
  sluice get home:docs/a.txt --at "yesterday 18:00" -o old.txt     as it was`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		if output == "-" && !dry {
			return p.cat(ctx, args[0], at)
		}
		return p.get(ctx, args[0], at, output, dry)
	})
	c.Flags().StringVarP(&output, "output", "o", "", "the local `FILE` or folder; - is standard output")
	atFlag(c.Flags(), &at)
	dryRun(c.Flags(), &dry)
	return c
}

func (p *program) get(ctx context.Context, arg, at, output string, dry bool) error {
	s, path, l, _, err := p.reachAt(ctx, arg, at)
	if err != nil {
		return err
	}
	defer s.close()
	if l.folder() {
		return usagef("%s is a folder: fetch it with `sluice pull %s DIR`", visible(path.String()), visible(path.String()))
	}
	if output == "" {
		output = "."
	}
	if st, err := os.Stat(output); err == nil && st.IsDir() || os.IsPathSeparator(output[len(output)-1]) {
		output = filepath.Join(output, path.last())
	}
	if st, err := os.Stat(output); err == nil && !st.Mode().IsRegular() { // a rename would put a file in the place of a device
		return usagef("%s is not a regular file, and is left alone: with -o - the content goes to standard output", visible(output))
	}
	if dry {
		p.say("would be fetched: %s", visible(output))
		return nil
	}
	var progress syncer.Progress
	progress.Found.Store(1)
	progress.FoundBytes.Store(l.last().Size)
	progress.Planned.Store(true)
	began := time.Now()
	end := p.display(&progress)
	run := p.beginRun(s.name, &progress)
	got, err := s.fetch(ctx, l.last(), output, &progress, run)
	run.End(err)
	end()
	if err != nil {
		return err
	}
	if p.flags.json {
		return p.printJSON(struct {
			Event   string `json:"event"`
			Path    string `json:"path"`
			To      string `json:"to"`
			Size    int64  `json:"size"`
			Delta   int64  `json:"delta_bytes"`
			Holes   int64  `json:"hole_bytes"`
			Resumed int64  `json:"resumed_bytes"`
		}{"fetched", nameJSON(path.String()), nameJSON(output), l.last().Size, got.Copied, got.Zeros, got.Found})
	}
	how := ""
	if saved := savings(got.Copied, got.Zeros, got.Found); saved != "" {
		how = ", " + saved
	}
	p.say("%s: %s in %s%s", visible(output), size(l.last().Size), duration(time.Since(began)), how)
	return nil
}

// fetch writes a file or link under a temporary name, verified and durable, then gives it its own.
func (s *server) fetch(ctx context.Context, e client.Entry, output string, progress *syncer.Progress, run *syncer.Run) (got client.Downloaded, err error) {
	dir := filepath.Dir(output)
	if e.Kind == client.KindFile && e.Size > client.MaxObjectsBody {
		return s.fetchLarge(ctx, e, dir, output, progress, run)
	}
	f, err := os.CreateTemp(dir, ".sluice-tmp-*")
	if err != nil {
		return got, err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if e.Kind == client.KindLink {
		return got, s.fetchLink(ctx, e, f, output)
	}
	n, err := s.Get(ctx, client.Hash(e.Hash), 0, -1, f)
	progress.DoneBytes.Add(n)
	if err == nil {
		err = finish(f, f.Name(), e)
	}
	if err != nil {
		return got, err
	}
	return got, publish(f.Name(), output)
}

// fetchLarge is fetch for what is worth going on with when it was interrupted.
func (s *server) fetchLarge(ctx context.Context, e client.Entry, dir, output string, progress *syncer.Progress, run *syncer.Run) (client.Downloaded, error) {
	part, err := syncer.OpenPartial(dir, client.Hash(e.Hash))
	if err != nil {
		return client.Downloaded{}, err
	}
	path := filepath.Join(dir, part.Name())
	run.Partial(path)
	opt := client.DownloadOptions{Resume: true, Progress: func(n int64) { progress.DoneBytes.Add(n) }}
	if older := regularFile(output); older != nil {
		defer older.Close()
		opt.Older = older
	}
	got, err := s.Download(ctx, client.Hash(e.Hash), e.Size, part.File, opt)
	if err == nil {
		err = finish(part.File, path, e)
	}
	if err != nil {
		part.Failed(err)
		return got, err
	}
	name, err := part.Done()
	if err != nil {
		return got, err
	}
	return got, publish(filepath.Join(dir, name), output)
}

// finish gives a temporary file mode and time, and makes it durable.
func finish(f *os.File, path string, e client.Entry) error {
	return errors.Join(f.Chmod(fs.FileMode(e.Mode&0o777)), os.Chtimes(path, time.Time{}, time.Unix(0, e.Mtime)), f.Sync())
}

// regularFile opens a file to be read, if there is one; nil: none that could be. A pipe put in its place does not block.
func regularFile(name string) *os.File {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil
	}
	return f
}

// fetchLink makes the link; its target is the content. f only keeps the temporary name.
func (s *server) fetchLink(ctx context.Context, e client.Entry, f *os.File, output string) error {
	got, err := s.GetObjects(ctx, []client.Hash{client.Hash(e.Hash)}, nil)
	if err != nil {
		return err
	}
	if len(got) != 1 || got[0].Code != client.OK || len(got[0].Data) == 0 {
		return fmt.Errorf("the target of the link did not come: %w", client.ErrProtocol)
	}
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	if err := os.Symlink(string(got[0].Data), f.Name()); err != nil {
		return err
	}
	return publish(f.Name(), output)
}

// publish gives a temporary file its name and makes that durable.
func publish(temp, output string) error {
	if err := os.Rename(temp, output); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(output))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
	"sluice/internal/syncer"
)

func (p *program) putCommand() *cobra.Command {
	var dry, hashFirst bool
	c := p.command(&cobra.Command{
		Use:   "put FILE... REMOTE:PATH",
		Short: "Send files, or standard input",
		Example: `  sluice put a.txt b.txt home:docs/       into a folder
  sluice put a.txt home:docs/c.txt        under another name
  tar c photos | sluice put - home:photos.tar`,
		Args: arguments(cobra.MinimumNArgs(2)),
		ValidArgsFunction: func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 || !isRemote(typed) {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return p.completePaths(c, args, typed)
		},
	}, func(ctx context.Context, args []string) error {
		return p.put(ctx, args[:len(args)-1], args[len(args)-1], dry, hashFirst)
	})
	dryRun(c.Flags(), &dry)
	hashFirstFlag(c.Flags(), &hashFirst)
	return c
}

func (p *program) put(ctx context.Context, files []string, arg string, dry, hashFirst bool) error {
	s, path, err := p.reach(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	if len(files) > 1 {
		l, err := s.must(ctx, path)
		if err != nil {
			return err
		}
		if !l.folder() {
			return usagef("%s is no folder, so only one file can go there", visible(path.String()))
		}
	}
	how := syncer.PutOptions{HashFirst: hashFirst, Progress: new(syncer.Progress)}
	if !dry && !slices.Contains(files, "-") { // what comes by a pipe cannot be gone on with
		how.Run = p.beginRun(s.name, how.Progress)
	}
	for _, file := range files {
		if err = p.putOne(ctx, s, file, path, dry, how); err != nil {
			break
		}
	}
	how.Run.End(err)
	return err
}

func (p *program) putOne(ctx context.Context, s *server, file string, path remotePath, dry bool, o syncer.PutOptions) error {
	name := filepath.Base(file)
	if file == "-" {
		if path.folder {
			return usagef("standard input has no name: write it, as in %s", visible(path.in("name").String()))
		}
		name = path.last()
	}
	t, err := s.target(ctx, path, name)
	if err != nil {
		return err
	}
	if t.old != nil && t.old.Kind == client.KindFolder {
		return usagef("%s is a folder that is there already", visible(t.path.String()))
	}
	if dry {
		p.done("sent", t.path, true)
		return nil
	}
	o.Progress.DoneBytes.Store(0) // of the file before
	o.Older = t.older()
	began := time.Now()
	end := p.display(o.Progress)
	content, err := p.send(ctx, s, file, o)
	end()
	if err != nil {
		return fmt.Errorf("%s: %w", visible(file), err)
	}
	_, err = s.commit(ctx, t.path, client.Change{
		Op: client.OpPut, Parent: client.Place{Node: t.parent}, Name: t.name, Kind: client.KindFile,
		Hash: content.Hash, Size: content.Size, Mode: content.Mode, Mtime: content.Mtime, Expect: t.expect(),
	})
	if err != nil {
		return err
	}
	if p.flags.json {
		return p.printJSON(struct {
			Event   string `json:"event"`
			Path    string `json:"path"`
			Size    int64  `json:"size"`
			Hash    string `json:"hash"`
			Instant bool   `json:"instant"`
			Delta   int64  `json:"delta_bytes"`
			Holes   int64  `json:"hole_bytes"`
			Resumed int64  `json:"resumed_bytes"`
		}{"sent", nameJSON(t.path.String()), content.Size, content.Hash.String(), content.Instant, content.Copied, content.Zeros, content.Resumed})
	}
	how := ""
	if content.Instant {
		how = ", there already"
	} else if saved := savings(content.Copied, content.Zeros, content.Resumed); saved != "" {
		how = ", " + saved
	}
	p.say("%s: %s in %s%s", visible(t.path.String()), size(content.Size), duration(time.Since(began)), how)
	return nil
}

// send brings the content of a file, or of standard input, to the server.
func (p *program) send(ctx context.Context, s *server, file string, o syncer.PutOptions) (syncer.Content, error) {
	progress := o.Progress
	if file == "-" {
		content, err := syncer.PutReader(ctx, s.Remote, p.stdin, progress)
		content.Mode, content.Mtime = 0o644, time.Now().UnixNano()
		return content, err
	}
	st, err := os.Stat(file)
	if err != nil {
		return syncer.Content{}, err
	}
	if st.IsDir() {
		return syncer.Content{}, usagef("it is a folder: send it with `sluice push`")
	}
	f, err := os.Open(file)
	if err != nil {
		return syncer.Content{}, err
	}
	defer f.Close()
	if !st.Mode().IsRegular() { // a pipe, as <(command) makes one
		content, err := syncer.PutReader(ctx, s.Remote, f, progress)
		content.Mode, content.Mtime = 0o644, time.Now().UnixNano()
		return content, err
	}
	return syncer.PutFile(ctx, s.Remote, f, o)
}

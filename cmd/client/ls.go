package main

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"sort"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

// lsFlags are the flags of ls.
type lsFlags struct {
	long, recursive, hash bool
	at                    string
}

func (p *program) lsCommand() *cobra.Command {
	var flags lsFlags
	c := p.command(&cobra.Command{
		Use:   "ls REMOTE:PATH...",
		Short: "List a folder",
		Example: `  sluice ls home:
  sluice ls -l home:docs
  sluice ls -R --hash home:docs > sums     hash and name of every file, as b3sum prints them
  sluice ls home:docs --at "yesterday 18:00"     as it was`,
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		for i, arg := range args {
			if err := p.ls(ctx, arg, flags, len(args) > 1, i > 0); err != nil {
				return err
			}
		}
		return nil
	})
	c.Flags().BoolVarP(&flags.long, "long", "l", false, "mode, size and time, too")
	c.Flags().BoolVarP(&flags.recursive, "recursive", "R", false, "all below it")
	c.Flags().BoolVar(&flags.hash, "hash", false, "the BLAKE3 hash of files, too")
	atFlag(c.Flags(), &flags.at)
	return c
}

// named is an entry with its path below what was listed.
type named struct {
	path string
	client.Entry
}

func (p *program) ls(ctx context.Context, arg string, flags lsFlags, head, gap bool) error {
	s, path, l, then, err := p.reachAt(ctx, arg, flags.at)
	if err != nil {
		return err
	}
	defer s.close()
	list := []named{{path.last(), l.last()}}
	if l.folder() {
		if list, err = s.list(ctx, l.last().Node, then, flags.recursive); err != nil {
			return err
		}
	}
	if p.flags.json {
		entries := make([]entryJSON, len(list))
		for i, e := range list {
			entries[i] = entryOf(e.path, e.Entry)
		}
		return p.printJSON(struct {
			Path    string      `json:"path"`
			Entries []entryJSON `json:"entries"`
		}{nameJSON(path.String()), entries})
	}
	w := bufio.NewWriter(p.stdout)
	if gap {
		fmt.Fprintln(w)
	}
	if head {
		fmt.Fprintf(w, "%s\n", visible(path.String()))
	}
	p.lines(w, list, flags)
	return w.Flush()
}

// list gives the children of a folder, or all below it, in order of their paths, as it was at a time (0: as it is).
func (s *server) list(ctx context.Context, node, at int64, recursive bool) ([]named, error) {
	listing, err := s.ListAt(ctx, node, at, recursive)
	if err != nil {
		return nil, err
	}
	paths := map[int64]string{node: ""}
	list := make([]named, 0, len(listing.Entries))
	for _, e := range listing.Entries { // folders come before what they hold
		full := paths[e.Parent] + e.Name
		if e.Kind == client.KindFolder {
			paths[e.Node] = full + "/"
		}
		list = append(list, named{full, e})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].path < list[j].path })
	return list, nil
}

// lines prints entries for people, one a line.
func (p *program) lines(w *bufio.Writer, list []named, flags lsFlags) {
	width := 1
	for _, e := range list {
		width = max(width, len(thousands(e.Size)))
	}
	for _, e := range list {
		if flags.hash {
			if e.Kind == client.KindFolder {
				fmt.Fprintf(w, "%64s  ", "")
			} else {
				fmt.Fprintf(w, "%s  ", e.Hash)
			}
		}
		if flags.long {
			fmt.Fprintf(w, "%s %*s  %s  ", modeText(e.Entry), width, sizeText(e.Entry), timeText(e.Mtime))
		}
		fmt.Fprint(w, visible(e.path))
		if e.Kind == client.KindFolder {
			fmt.Fprint(w, "/")
		}
		if e.Kind == client.KindLink && flags.long {
			fmt.Fprint(w, " (link)")
		}
		fmt.Fprintln(w)
	}
}

func modeText(e client.Entry) string {
	mode := fs.FileMode(e.Mode & 0o777)
	switch e.Kind {
	case client.KindFolder:
		mode |= fs.ModeDir
	case client.KindLink:
		return "l" + mode.String()[1:]
	}
	return mode.String()
}

func sizeText(e client.Entry) string {
	if e.Kind == client.KindFolder {
		return "-"
	}
	return thousands(e.Size)
}

func timeText(ns int64) string { return time.Unix(0, ns).Format("2006-01-02 15:04:05") }

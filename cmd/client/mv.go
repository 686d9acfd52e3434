package main

import (
	"context"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) mvCommand() *cobra.Command {
	var dry bool
	c := p.command(&cobra.Command{
		Use:   "mv REMOTE:PATH... REMOTE:TARGET",
		Short: "Move or rename on the server",
		Example: `  sluice mv home:a.txt home:b.txt
  sluice mv home:a.txt home:b.txt home:docs/     into a folder`,
		Args:              arguments(cobra.MinimumNArgs(2)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		return p.relocate(ctx, args, client.OpMove, false, dry)
	})
	dryRun(c.Flags(), &dry)
	return c
}

// relocate moves or copies on the server.
func (p *program) relocate(ctx context.Context, args []string, op client.Op, recursive, dry bool) error {
	s, to, err := p.reach(ctx, args[len(args)-1])
	if err != nil {
		return err
	}
	defer s.close()
	from := args[:len(args)-1]
	if len(from) > 1 {
		l, err := s.must(ctx, to)
		if err != nil {
			return err
		}
		if !l.folder() {
			return usagef("%s is no folder, so only one file can go there", visible(to.String()))
		}
	}
	for _, arg := range from {
		if err := p.relocateOne(ctx, s, arg, to, op, recursive, dry); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) relocateOne(ctx context.Context, s *server, arg string, to remotePath, op client.Op, recursive, dry bool) error {
	path, err := parseRemotePath(arg)
	if err != nil {
		return err
	}
	if path.remote != to.remote {
		return usagef("%s and %s are on different servers: use get and put", visible(path.String()), visible(to.String()))
	}
	l, err := s.must(ctx, path)
	if err != nil {
		return err
	}
	if len(path.names) == 0 {
		return usagef("%s is the root: say what in it", visible(path.String()))
	}
	if op == client.OpCopy && l.folder() && !recursive {
		return usagef("%s is a folder: -r copies it with all it holds", visible(path.String()))
	}
	t, err := s.target(ctx, to, path.last())
	if err != nil {
		return err
	}
	if t.old != nil {
		switch {
		case t.old.Node == l.last().Node:
			return usagef("%s and %s are the same", visible(path.String()), visible(t.path.String()))
		case t.old.Kind == client.KindFolder:
			return usagef("%s is a folder that is there already: remove it first", visible(t.path.String()))
		case l.folder():
			return usagef("%s is a file: remove it first", visible(t.path.String()))
		}
	}
	what := "copied"
	c := client.Change{Op: op, Node: l.last().Node, Parent: client.Place{Node: t.parent}, Name: t.name, Expect: t.expect(), ExpectNode: client.ExpectAny}
	if op == client.OpMove {
		what = "moved"
		c.ExpectNode = l.last().Version
	}
	if !dry {
		if _, err := s.commit(ctx, t.path, c); err != nil {
			return err
		}
	}
	p.done(what, t.path, dry)
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"sluice/internal/live"
	"sluice/internal/state"
)

func (p *program) conflictsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "conflicts",
		Short: "Files that were changed on two sides: list, look, decide",
		Long: `Where two devices changed one file, the version that reached the server first keeps the name, and the other one's is kept
beside it as "name (conflict DEVICE DATE).ext". Both are ordinary files, which all devices see; to decide is to keep one.`,
		Example: `  sluice conflicts ls
  sluice conflicts show "docs/plan (conflict ann 2026-11-22).txt"
  sluice conflicts resolve --keep local docs/plan.txt      this device's version takes the name
  sluice conflicts resolve --keep both docs/plan.txt       leave both, and tell of it no more`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("say ls, show or resolve: `sluice conflicts ls`")
		},
	}
	c.AddCommand(p.conflictsLs(), p.conflictsShow(), p.conflictsResolve())
	return c
}

// conflict is one that is remembered, with the folder it lies in.
type conflict struct {
	root state.SyncRoot
	state.SyncConflict
}

func (c *conflict) copy() string { return filepath.Join(c.root.Dir, c.Path) }
func (c *conflict) name() string { return filepath.Join(c.root.Dir, c.Other) }

// conflicts lists those that are not settled: what was removed or renamed by hand is.
func (p *program) conflicts() ([]conflict, error) {
	st, all, err := p.known()
	if err != nil {
		return nil, err
	}
	defer st.Close()
	var list []conflict
	for i := range all {
		s, err := st.Sync(&all[i])
		if err != nil {
			return nil, err
		}
		of, err := s.Conflicts()
		if err != nil {
			return nil, err
		}
		for _, c := range of {
			one := conflict{all[i], c}
			if _, err := os.Lstat(one.copy()); err == nil {
				list = append(list, one)
			}
		}
	}
	return list, nil
}

// conflictAt finds the conflict that a path means: of either version.
func (p *program) conflictAt(path string) (*conflict, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(real, filepath.Base(abs))
	}
	all, err := p.conflicts()
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].copy() == abs || all[i].name() == abs {
			return &all[i], nil
		}
	}
	return nil, notFoundError(fmt.Sprintf("%s is in no conflict: see `sluice conflicts ls`", visible(path)))
}

func (p *program) conflictsLs() *cobra.Command {
	return p.command(&cobra.Command{
		Use:     "ls",
		Short:   "List the conflicts of this device",
		Example: `  sluice conflicts ls --json`,
		Args:    arguments(cobra.NoArgs),
	}, func(context.Context, []string) error {
		all, err := p.conflicts()
		if err != nil {
			return err
		}
		if p.flags.json {
			type row struct {
				Dir string `json:"dir"`
				live.Conflict
			}
			out := struct {
				Conflicts []row `json:"conflicts"`
			}{[]row{}}
			for _, c := range all {
				out.Conflicts = append(out.Conflicts, row{nameJSON(c.root.Dir), live.Conflict{Path: nameJSON(c.Path), Other: nameJSON(c.Other), At: time.Unix(0, c.At)}})
			}
			return p.printJSON(out)
		}
		if len(all) == 0 {
			p.say("no conflicts")
			return nil
		}
		w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "SINCE\tTHIS DEVICE'S\tTHE SERVER'S")
		for _, c := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", time.Unix(0, c.At).Format("2006-01-02 15:04"), visible(c.copy()), visible(filepath.Base(c.Other)))
		}
		return w.Flush()
	})
}

func (p *program) conflictsShow() *cobra.Command {
	return p.command(&cobra.Command{
		Use:     "show PATH",
		Short:   "Show the two versions of a file",
		Example: `  sluice conflicts show docs/plan.txt`,
		Args:    arguments(cobra.ExactArgs(1)),
	}, func(_ context.Context, args []string) error {
		c, err := p.conflictAt(args[0])
		if err != nil {
			return err
		}
		for _, side := range []struct{ who, path string }{{"local", c.copy()}, {"remote", c.name()}} {
			text := "it is gone"
			if fi, err := os.Lstat(side.path); err == nil {
				text = fmt.Sprintf("%s, changed %s", size(fi.Size()), fi.ModTime().Format(time.DateTime))
			}
			p.say("%-6s  %s  (%s)", side.who, visible(side.path), text)
		}
		p.say("\ncompare: diff %s\ndecide:  sluice conflicts resolve --keep local|remote|both %s",
			visible(shellWords([]string{c.copy(), c.name()})), visible(shellWords([]string{args[0]})))
		return nil
	})
}

func (p *program) conflictsResolve() *cobra.Command {
	var keep string
	var dry bool
	c := p.command(&cobra.Command{
		Use:   "resolve PATH... --keep local|remote|both",
		Short: "Decide conflicts",
		Long: `--keep local gives this device's version the name; the server's is still among its versions. --keep remote removes this
device's version, which the server's trash keeps. --keep both leaves both as they are and tells of it no more.`,
		Example: `  sluice conflicts resolve docs/plan.txt --keep local`,
		Args:    arguments(cobra.MinimumNArgs(1)),
	}, func(_ context.Context, args []string) error {
		switch keep {
		case "local", "remote", "both":
		default:
			return usagef("say which to keep: --keep local, remote or both")
		}
		var failed []error
		for _, path := range args {
			if err := p.decide(path, keep, dry); err != nil {
				failed = append(failed, err)
			}
		}
		return errors.Join(failed...)
	})
	c.Flags().StringVar(&keep, "keep", "", "local, remote or both")
	dryRun(c.Flags(), &dry)
	return c
}

// decide decides one conflict: here only, a sync carries it to the server.
func (p *program) decide(path, keep string, dry bool) error {
	c, err := p.conflictAt(path)
	if err != nil {
		return err
	}
	text := map[string]string{
		"local":  fmt.Sprintf("%s takes the place of %s", visible(c.copy()), visible(filepath.Base(c.Other))),
		"remote": fmt.Sprintf("%s goes, %s stays", visible(c.copy()), visible(filepath.Base(c.Other))),
		"both":   fmt.Sprintf("%s and %s stay", visible(c.copy()), visible(filepath.Base(c.Other))),
	}[keep]
	if dry {
		p.say("would be: %s", text)
		return nil
	}
	switch keep {
	case "local":
		err = takeName(c)
	case "remote":
		if _, err = os.Lstat(c.name()); err != nil {
			return fmt.Errorf("%s is gone, and this would remove the only version that is left: %w", visible(c.name()), err)
		}
		err = os.RemoveAll(c.copy())
	}
	if err != nil {
		return err
	}
	st, _, err := p.known()
	if err != nil {
		return err
	}
	defer st.Close()
	s, err := st.Sync(&c.root)
	if err != nil {
		return err
	}
	if err := s.Apply(&state.SyncBatch{Resolved: []string{c.Path}}); err != nil {
		return err
	}
	p.say("%s", text)
	return nil
}

// takeName gives the copy the name. Files are replaced; a folder takes the place only of what it can be exchanged with.
func takeName(c *conflict) error {
	from, err := os.Lstat(c.copy())
	if err != nil {
		return err
	}
	to, err := os.Lstat(c.name())
	switch {
	case err != nil && !os.IsNotExist(err):
		return err
	case err == nil && (from.IsDir() || to.IsDir()):
		if err := unix.Renameat2(unix.AT_FDCWD, c.copy(), unix.AT_FDCWD, c.name(), unix.RENAME_EXCHANGE); err != nil {
			return fmt.Errorf("exchange %s and %s: %w", visible(c.copy()), visible(c.name()), err)
		}
		return os.RemoveAll(c.copy())
	}
	return os.Rename(c.copy(), c.name())
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice/internal/client"
	"sluice/internal/syncer"
)

func (p *program) ignoreCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ignore",
		Short: "What a sync leaves alone",
		Long: `Patterns in .sluiceignore, in any folder and by gitignore's rules, say what a sync leaves alone; they are synced
themselves. Those in .sluiceignore.local hold on this device only, and decide before the others.`,
		Example: `  sluice ignore check build/a.o`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("write: sluice ignore check PATH")
		},
	}
	c.AddCommand(p.command(&cobra.Command{
		Use:   "check PATH...",
		Short: "Say whether a path is left alone, and which line of which file says so",
		Long:  "It ends with 0 if all the paths are left alone, with 3 if one is not, as `git check-ignore` ends with 1.",
		Example: `  sluice ignore check build/a.o
  sluice ignore check *.tmp`,
		Args: arguments(cobra.MinimumNArgs(1)),
	}, func(_ context.Context, args []string) error {
		return p.ignoreCheck(args)
	}))
	return c
}

func (p *program) ignoreCheck(args []string) error {
	st, all, err := p.known()
	if err != nil {
		return err
	}
	defer st.Close()
	missed := false
	for _, path := range args {
		root, err := rootAt(all, path)
		if err != nil {
			return err
		}
		rel, err := inside(root.Dir, path)
		if err != nil {
			return err
		}
		if rel == "" {
			p.say("%s is the synced folder itself", visible(path))
			missed = true
			continue
		}
		folder, err := syncer.OpenFolder(root.Dir, syncer.FolderOptions{Look: true})
		if err != nil {
			return err
		}
		file, line, pattern, ignored, err := folder.Why(rel)
		folder.Close()
		if err != nil {
			return err
		}
		missed = missed || !ignored
		if err := p.showRule(path, file, line, pattern, ignored); err != nil {
			return err
		}
	}
	if missed {
		return failedError{client.ExitNotFound, "not all of these are left alone"}
	}
	return nil
}

func (p *program) showRule(path, file string, line int, pattern string, ignored bool) error {
	if p.flags.json {
		return p.printJSON(struct {
			Path    string `json:"path"`
			Ignored bool   `json:"ignored"`
			File    string `json:"file,omitempty"`
			Line    int    `json:"line,omitempty"`
			Pattern string `json:"pattern,omitempty"`
		}{nameJSON(path), ignored, nameJSON(file), line, nameJSON(pattern)})
	}
	p.say("%s: %s", visible(path), ruleText(file, line, pattern, ignored))
	return nil
}

// ruleText says what decides whether a path is left alone.
func ruleText(file string, line int, pattern string, ignored bool) string {
	what := "synced"
	if ignored {
		what = "left alone"
	}
	switch {
	case pattern == "" && ignored:
		return what + ", always: it is a temporary file of a transfer, or of this device alone"
	case pattern == "":
		return what
	case file == "":
		return fmt.Sprintf("%s, by the flag %s", what, visible(pattern))
	}
	return fmt.Sprintf("%s, by %s:%d: %s", what, visible(file), line, visible(pattern))
}

// inside is the path relative to a synced folder; one that ends with a slash, or is a folder, keeps that.
func inside(dir, path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil && abs != "/" {
		abs = filepath.Join(real, filepath.Base(abs))
	}
	if !within(abs, dir) { // the folder was named by a link to it
		if abs, err = filepath.EvalSymlinks(abs); err != nil {
			return "", err
		}
	}
	rel, err := filepath.Rel(dir, abs)
	if err != nil || rel == "." {
		return "", err
	}
	if fi, err := os.Lstat(abs); path[len(path)-1] == '/' || err == nil && fi.IsDir() {
		rel += "/"
	}
	return rel, nil
}

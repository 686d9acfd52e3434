package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) completionCommand() *cobra.Command {
	var c *cobra.Command
	c = p.command(&cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a completion script for a shell",
		Example: `  source <(sluice completion bash)
  sluice completion zsh > "${fpath[1]}/_sluice"
  sluice completion fish > ~/.config/fish/completions/sluice.fish`,
		Args:      arguments(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: []string{"bash", "zsh", "fish"},
	}, func(_ context.Context, args []string) error {
		root := c.Root()
		switch args[0] {
		case "zsh":
			return root.GenZshCompletion(p.stdout)
		case "fish":
			return root.GenFishCompletion(p.stdout, true)
		}
		return root.GenBashCompletionV2(p.stdout, true)
	})
	return c
}

// completeWait is how long a shell is kept waiting for names of a server.
const completeWait = 2 * time.Second

// completeRemotes offers the names of remotes.
func (p *program) completeRemotes(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	all, err := p.loadRemotes()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	for _, name := range all.names() {
		if strings.HasPrefix(name, typed) {
			list = append(list, name)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completePaths offers REMOTE: and, once that is typed, what the folder on the server holds.
func (p *program) completePaths(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	const more = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	if !isRemote(typed) {
		all, err := p.loadRemotes()
		if err != nil {
			return nil, more
		}
		var list []string
		for _, name := range all.names() {
			if strings.HasPrefix(name, typed) {
				list = append(list, name+":")
			}
		}
		return list, more
	}
	cut := max(strings.LastIndexByte(typed, '/'), strings.IndexByte(typed, ':')) + 1
	path, err := parseRemotePath(typed[:cut])
	if err != nil {
		return nil, more
	}
	ctx, cancel := context.WithTimeout(p.ctx, completeWait)
	defer cancel()
	s, err := p.connect(ctx, path.remote)
	if err != nil {
		return nil, more
	}
	defer s.close()
	l, err := s.must(ctx, path)
	if err != nil || !l.folder() {
		return nil, more
	}
	listing, err := s.List(ctx, l.last().Node)
	if err != nil {
		return nil, more
	}
	var list []string
	for _, e := range listing.Entries {
		if strings.HasPrefix(e.Name, typed[cut:]) && visible(e.Name) == e.Name {
			name := typed[:cut] + e.Name
			if e.Kind == client.KindFolder {
				name += "/"
			}
			list = append(list, name)
		}
	}
	return list, more
}

// completeSides offers folders for the first argument and places on a server for the second, or the other way
// round.
func (p *program) completeSides(localFirst bool) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if (len(args) == 0) == localFirst {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		return p.completePaths(c, args, typed)
	}
}

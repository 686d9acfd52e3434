package main

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/client"
)

func (p *program) logCommand() *cobra.Command {
	var since string
	var most int
	c := p.command(&cobra.Command{
		Use:   "log REMOTE:[PATH]",
		Short: "Show what happened in a folder, the latest first",
		Example: `  sluice log home:
  sluice log home:docs --since yesterday
  sluice log home: --max 20`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error {
		from, err := when(since, time.Now())
		if err != nil {
			return err
		}
		if most < 0 {
			return usagef("--max %d: it cannot be negative", most)
		}
		return p.log(ctx, args[0], from, most)
	})
	c.Flags().StringVar(&since, "since", "", "only what happened after this `TIME`: yesterday, \"2h ago\", 2026-11-01")
	c.Flags().IntVar(&most, "max", 0, "at most `N` lines; 0: all")
	return c
}

// eventJSON is a line of --json.
type eventJSON struct {
	At     string `json:"at"`
	Event  string `json:"event"`
	Path   string `json:"path"`
	From   string `json:"from,omitempty"`
	Kind   string `json:"kind"`
	Size   int64  `json:"size"`
	Device string `json:"device,omitempty"`
	Number int64  `json:"number"`
	Node   int64  `json:"node"`
}

func (p *program) log(ctx context.Context, arg string, since int64, most int) error {
	s, path, err := p.reach(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	l, err := s.must(ctx, path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(p.stdout)
	told := 0
	var bad error
	err = s.Log(ctx, l.last().Node, since, func(e *client.Event) bool {
		if p.flags.json {
			bad = p.printJSON(eventJSON{exactTimeJSON(e.At), e.What.String(), nameJSON(e.Path), nameJSON(e.From), kindName(e.Kind), e.Size,
				nameJSON(e.Device), e.Number, e.Node})
		} else {
			_, bad = fmt.Fprintln(w, eventText(e))
		}
		told++
		return bad == nil && told != most
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

func eventText(e *client.Event) string {
	path := visible(e.Path)
	if e.Kind == client.KindFolder {
		path += "/"
	}
	text := fmt.Sprintf("%s  %-8s  %s", exactTime(e.At), e.What, path)
	if e.From != "" {
		text += "  from " + visible(e.From)
	}
	if e.Device != "" {
		text += "  (" + visible(e.Device) + ")"
	}
	return text
}

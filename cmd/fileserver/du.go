package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sluice/internal/store"
)

// duAnswer is what a data folder or an account takes, in JSON. All are bytes but names, contents and files.
type duAnswer struct {
	User     string           `json:"user,omitempty"`
	Uses     map[string]duUse `json:"uses"`
	Charged  int64            `json:"charged"`
	Bytes    int64            `json:"bytes"`
	Disk     int64            `json:"disk"`
	Segments *duSegments      `json:"segments,omitempty"`
	Files    map[string]duOf  `json:"files,omitempty"`
}

type duUse struct {
	Names    int64  `json:"names"`
	Charged  int64  `json:"charged"`
	Contents int64  `json:"contents"`
	Bytes    int64  `json:"bytes"`
	Disk     int64  `json:"disk"`
	Alone    *int64 `json:"alone,omitempty"`
}

type duSegments struct {
	Files  int64 `json:"files"`
	Living int64 `json:"living"`
	Dead   int64 `json:"dead"`
	Disk   int64 `json:"disk"`
}

type duOf struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	Disk  int64 `json:"disk"`
}

// meanings say what each use is, in the order of the table.
var meanings = [...]struct {
	use   store.Use
	about string
}{
	{store.UseLive, "files that stand in a folder"},
	{store.UseVersions, "what was replaced"},
	{store.UseTrash, "what was deleted"},
	{store.UseUnnamed, "uploaded, no name yet"},
	{store.UsePartial, "uploads that go on"},
	{store.UseDoomed, "named by nothing, to be collected"},
	{store.UseEnded, "what ended uploads left"},
}

func (p *program) duCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "du [USER]",
		Short: "Say what every byte is kept for",
		Long: `Du counts all of the data folder, or what one account keeps.

CHARGED is what accounts are charged for: every name and every version counts, as quotas do. BYTES is what is stored for it: each
content once, counted in the first line that has it. ON DISK is the room that takes, in blocks. ALONE, of an account, is what
nobody else keeps: it comes back when the account is removed.`,
		Example: "  sluiced du\n  sluiced du ann\n  sluiced du --json | jq .uses.trash",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			if err := mustBeThere(s.data); err != nil {
				return err
			}
			user := ""
			if len(args) > 0 {
				if user = args[0]; user == "" {
					return fmt.Errorf("user %q: %w", user, store.ErrNotFound)
				}
			}
			var space *store.Space
			err = p.withStore(s.data, func(st *store.Store) error {
				space, err = st.Space(user)
				return err
			})
			if err != nil {
				return fmt.Errorf("count: %w", err)
			}
			if asJSON {
				return p.duJSON(space, user)
			}
			return p.duTable(space, user)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}

// others are the lines of what is not a content.
func others(s *store.Space) []struct {
	name, about string
	files       store.Files
} {
	return []struct {
		name, about string
		files       store.Files
	}{
		{"arriving", "files that no row names yet", s.Arriving},
		{"database", "", s.Database},
		{"log", "the database's", s.Log},
		{"reserves", "room to give up when the disk is full", s.Reserves},
		{"other", "folders, locks, counters", s.Other},
	}
}

func (p *program) duJSON(s *store.Space, user string) error {
	answer := duAnswer{User: user, Uses: make(map[string]duUse)}
	for _, m := range meanings {
		u := s.Uses[m.use]
		line := duUse{u.Names, u.Charged, u.Contents, u.Bytes, u.Disk, nil}
		if user != "" {
			line.Alone = &u.Alone
		}
		answer.Uses[m.use.String()] = line
		answer.Charged += u.Charged
		answer.Bytes += u.Bytes
		answer.Disk += u.Disk
	}
	if user == "" {
		answer.Disk = s.Disk()
		answer.Segments = &duSegments{s.Segments.Count, s.Living, s.Segments.Bytes - s.Living, s.Segments.Disk}
		answer.Files = make(map[string]duOf)
		for _, o := range others(s) {
			answer.Files[o.name] = duOf{o.files.Count, o.files.Bytes, o.files.Disk}
		}
	}
	return json.NewEncoder(p.stdout).Encode(answer)
}

func (p *program) duTable(s *store.Space, user string) error {
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	last := ""
	if user != "" {
		last = "ALONE"
	}
	line := func(name, names, charged, contents, bytes, disk, alone, about string) {
		if user != "" {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", name, names, charged, contents, bytes, disk, alone, about)
			return
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", name, names, charged, contents, bytes, disk, about)
	}
	count := func(n int64) string { return fmt.Sprint(n) }
	line("", "NAMES", "CHARGED", "CONTENTS", "BYTES", "ON DISK", last, "")
	var total store.Spent
	for _, m := range meanings {
		u := s.Uses[m.use]
		total.Names += u.Names
		total.Charged += u.Charged
		total.Contents += u.Contents
		total.Bytes += u.Bytes
		total.Disk += u.Disk
		total.Alone += u.Alone
		if user != "" && (m.use == store.UseDoomed || m.use == store.UseEnded) { // nobody's
			continue
		}
		line(m.use.String(), count(u.Names), formatSize(u.Charged), count(u.Contents), formatSize(u.Bytes), formatSize(u.Disk), formatSize(u.Alone), m.about)
	}
	if user == "" {
		line("dead", "", "", "", formatSize(s.Segments.Bytes-s.Living), formatSize(s.Segments.Disk-s.Living),
			"", fmt.Sprintf("in %d segments, or taken ahead", s.Segments.Count))
		total.Bytes += s.Segments.Bytes - s.Living
		for _, o := range others(s) {
			line(o.name, "", "", count(o.files.Count), formatSize(o.files.Bytes), formatSize(o.files.Disk), "", o.about)
			total.Bytes += o.files.Bytes
		}
		total.Disk = s.Disk()
	}
	line("total", count(total.Names), formatSize(total.Charged), "", formatSize(total.Bytes), formatSize(total.Disk), formatSize(total.Alone), "")
	return table.Flush()
}

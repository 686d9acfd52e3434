package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/cli"
)

func (p *program) configCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "config",
		Short: "Check or print the configuration",
		Example: `  sluiced config check --config new.toml     0 if it is good, 2 with what is wrong
  sluiced config print > sluiced.toml        everything that holds now, with comments`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usagef("say check or print: `sluiced config print`")
		},
	}
	check := &cobra.Command{
		Use:     "check",
		Short:   "Say whether the configuration is good",
		Example: "  sluiced config check --config new.toml",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return p.checkConfig() },
	}
	fresh := false
	printed := &cobra.Command{
		Use:   "print",
		Short: "Print all settings that hold now, as a configuration file",
		Example: `  sluiced config print --workers 4 > sluiced.toml
  sluiced config print --fresh > sluiced.toml            every default as a comment: to begin with`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if fresh {
				s := defaults()
				s.data = systemData
				_, err := p.stdout.Write(writeFile(&s, true))
				return err
			}
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			_, err = p.stdout.Write(writeFile(&s, false))
			return err
		},
	}
	printed.Flags().BoolVar(&fresh, "fresh", false, "print the defaults, each as a comment, whatever holds here")
	p.flags.addServe(check.Flags())
	p.flags.addServe(printed.Flags())
	group.AddCommand(check, printed)
	return group
}

func (p *program) checkConfig() error {
	if _, err := p.flags.load(); err != nil {
		return err
	}
	path, err := p.flags.file()
	if err != nil {
		return err
	}
	if path == "" {
		path = "no configuration file"
	}
	return p.say("good: %s", path)
}

// writeFile is s as a configuration file; with asComments each line is one, for a file in
// which only what is changed is to stand out.
func writeFile(s *settings, asComments bool) []byte {
	var b bytes.Buffer
	b.WriteString("# Sluice's server. What is not said here has its default; flags and environment\n" +
		"# (SLUICED_LOG_LEVEL for log-level) stand above this file.\n")
	mark := ""
	if asComments {
		mark = "#"
	}
	for _, row := range table() {
		fmt.Fprintf(&b, "\n# %s\n%s%s = %s\n", row.about, mark, row.name, write(row.field(s)))
	}
	return b.Bytes()
}

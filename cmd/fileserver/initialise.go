package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice/internal/cli"
	"sluice/internal/store"
)

func (p *program) initCommand() *cobra.Command {
	var from cli.Password
	var name string
	var dry bool
	command := &cobra.Command{
		Use:   "init",
		Short: "Make data folder, configuration file and first account",
		Long: `Make the data folder ready, write a commented configuration file (as root, or where --config
says), and add a first account. What is there already is left as it is.`,
		Example: `  sluiced init                             asks for name and password
  sluiced init --user ann --password-stdin < secret
  sluiced init --data /srv/sluice --config /etc/sluice/sluiced.toml --user ann`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.initialise(from, name, dry) },
	}
	from.Add(command.Flags())
	command.Flags().StringVar(&name, "user", "", "`NAME` of the first account")
	command.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be done")
	return command
}

func (p *program) initialise(from cli.Password, name string, dry bool) error {
	configPath := p.configToWrite()
	s, err := p.loadForInit(configPath)
	if err != nil {
		return err
	}
	if dry {
		if configPath != "" {
			configPath = " and write " + configPath
		}
		return p.say("would make the data folder %s%s", s.data, configPath)
	}
	if name == "" && p.onTerminal() {
		if name, err = p.ask("Name of the first account (empty: none): "); err != nil {
			return err
		}
	}
	password := ""
	if name != "" {
		if password, err = p.password(from, name); err != nil {
			return err
		}
	}
	var users int
	err = p.withStore(s.data, func(st *store.Store) error {
		if name != "" {
			if err := st.UserAdd(name, password, 0, ""); err != nil {
				return fmt.Errorf("add user: %w", err)
			}
		}
		all, err := st.Users()
		users = len(all)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.say("data folder: %s", s.data); err != nil {
		return err
	}
	if configPath != "" {
		if err := p.writeConfig(configPath, &s); err != nil {
			return err
		}
	}
	if users == 0 {
		return p.say("next: %s", userAddHint(s.data, "NAME"))
	}
	serve := "sluiced serve"
	if usual, err := dataFolder(); (err != nil || usual != s.data) && configPath == "" {
		serve += " --data " + quoteShell(s.data)
	}
	if configPath != "" && configPath != systemConfig {
		serve += " --config " + quoteShell(configPath)
	}
	return p.say("next: %s", serve)
}

// configToWrite is where the configuration file belongs; empty: nowhere, an ordinary user
// has no file of his own.
func (p *program) configToWrite() string {
	if p.flags.config != "" {
		return p.flags.config
	}
	if path := os.Getenv("SLUICED_CONFIG"); path != "" {
		return path
	}
	if os.Geteuid() == 0 {
		return systemConfig
	}
	return ""
}

// loadForInit is load, but for a configuration file that is still to be written.
func (p *program) loadForInit(path string) (settings, error) {
	if path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return p.flags.merge("")
		}
	}
	return p.flags.load()
}

// writeConfig writes the file with every key as a comment, but for the data folder.
func (p *program) writeConfig(path string, s *settings) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return p.say("configuration: %s (was there, left as it is)", path)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	defer file.Close()
	if _, err := file.Write(writeFile(s, true)); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return p.say("configuration: %s", path)
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"sluice/internal/cli"
)

// systemConfig is read where no --config is given and it is there.
const systemConfig = "/etc/sluice/sluiced.toml"

// systemData is where a server of the whole machine keeps its data.
const systemData = "/var/lib/sluice"

// load puts the settings together: the defaults, over them the file, then the
// environment, then the command line.
func (f *flags) load() (settings, error) {
	path, err := f.file()
	if err != nil {
		return settings{}, err
	}
	return f.merge(path)
}

// merge is load with the file at path; empty: none.
func (f *flags) merge(path string) (settings, error) {
	s := defaults()
	if path != "" {
		if err := readFile(&s, path); err != nil {
			return s, err
		}
	}
	for _, row := range table() {
		name := variable(row.name)
		if text, ok := os.LookupEnv(name); ok {
			if err := row.kind.read(row.field(&s), text); err != nil {
				return s, cli.Usagef("environment %s=%q: %v", name, text, err)
			}
		}
		if text, ok := f.given[row.name]; ok {
			if err := row.kind.read(row.field(&s), text); err != nil {
				return s, cli.Usagef("--%s %s: %v", row.name, text, err)
			}
		}
	}
	var err error
	if s.data == "" {
		if s.data, err = dataFolder(); err != nil {
			return s, err
		}
	}
	if s.data, err = filepath.Abs(s.data); err != nil {
		return s, fmt.Errorf("find the data folder: %w", err)
	}
	return s, nil
}

// variable is a setting's name in the environment.
func variable(name string) string {
	return "SLUICED_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// file is the configuration file to read; empty: none.
func (f *flags) file() (string, error) {
	path := f.config
	if path == "" {
		path = os.Getenv("SLUICED_CONFIG")
	}
	if path != "" {
		return path, nil
	}
	_, err := os.Stat(systemConfig)
	switch {
	case err == nil:
		return systemConfig, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		// The system's file is not for everybody who starts a server of his own.
		return "", nil
	}
	return "", fmt.Errorf("look for %s: %w", systemConfig, err)
}

func readFile(s *settings, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	var found map[string]any
	if err := toml.Unmarshal(raw, &found); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column := at.Position()
			return cli.Usagef("%s, line %d, column %d: %v", path, line, column, err)
		}
		return cli.Usagef("%s: %v", path, err)
	}
	rows := table()
	for key, value := range found {
		at := slices.IndexFunc(rows, func(row setting) bool { return row.name == key })
		if at < 0 {
			return cli.Usagef("%s: unknown key %q; the nearest known one is %q (`sluiced config print` shows all)", path, key, nearestSetting(key))
		}
		text, err := rows[at].kind.toText(value)
		if err == nil {
			err = rows[at].kind.read(rows[at].field(s), text)
		}
		if err != nil {
			return cli.Usagef("%s: %s = %v: %v", path, key, value, err)
		}
	}
	return nil
}

// dataFolder is where the data is when nobody says.
func dataFolder() (string, error) {
	if state := os.Getenv("STATE_DIRECTORY"); state != "" {
		first, _, _ := strings.Cut(state, ":")
		return first, nil
	}
	if os.Geteuid() == 0 {
		return systemData, nil
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "sluiced"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", cli.Usagef("no home folder is known: say with --data where the data is")
	}
	return filepath.Join(home, ".local", "state", "sluiced"), nil
}

// nearestSetting is the known setting most like name.
func nearestSetting(name string) string {
	var names []string
	for _, row := range table() {
		names = append(names, row.name)
	}
	return cli.Nearest(name, names)
}

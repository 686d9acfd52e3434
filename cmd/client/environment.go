package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// fromEnvironment gives every flag that was not on the command line the value of SLUICE_NAME, if there is one: name
// in upper case, with _ for -. Flags that may be repeated take one value a line.
func (p *program) fromEnvironment(set *pflag.FlagSet) error {
	var failed error
	set.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || failed != nil {
			return
		}
		name := "SLUICE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := p.lookup(name)
		if !ok || value == "" {
			return
		}
		values := []string{value}
		if _, repeated := f.Value.(patternFlag); repeated {
			values = strings.Split(value, "\n")
		}
		for _, v := range values {
			if err := f.Value.Set(v); err != nil {
				failed = usagef("%s=%s: %v", name, visible(v), err)
			}
		}
		f.Changed = true
	})
	return failed
}

// folderOf finds one of the user's own folders: the XDG variable, else the default below the home folder. A relative
// value of the variable is ignored, as the specification demands.
func (p *program) folderOf(variable, fallback string) (string, error) {
	if dir, _ := p.lookup(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sluice"), nil
	}
	home, _ := p.lookup("HOME")
	if home == "" {
		var err error
		if home, err = os.UserHomeDir(); err != nil {
			return "", usagef("neither %s nor HOME is set", variable)
		}
	}
	return filepath.Join(home, fallback, "sluice"), nil
}

func (p *program) configFolder() (string, error) { return p.folderOf("XDG_CONFIG_HOME", ".config") }

func (p *program) stateFolder() (string, error) { return p.folderOf("XDG_STATE_HOME", ".local/state") }

func (p *program) cacheFolder() (string, error) { return p.folderOf("XDG_CACHE_HOME", ".cache") }

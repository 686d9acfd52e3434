package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"sluice/internal/cli"
	"sluice/internal/client"
)

// remote is a server by the name the user gave it. The token stands nowhere else.
type remote struct {
	Address string `toml:"address"`
	User    string `toml:"user"`
	Device  int64  `toml:"device"`
	Server  string `toml:"server"` // its identity when one logged in
	Token   string `toml:"token"`
}

// remotes is the file remotes.toml.
type remotes struct {
	path    string
	Remotes map[string]remote `toml:"remotes"`
}

const defaultRemote = "home"

// loadRemotes reads the file. One that others may read is refused: the token in it is as good as the password.
func (p *program) loadRemotes() (*remotes, error) {
	dir, err := p.configFolder()
	if err != nil {
		return nil, err
	}
	r := &remotes{path: filepath.Join(dir, "remotes.toml"), Remotes: map[string]remote{}}
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the remotes: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the remotes: %w", err)
	}
	if wide := st.Mode().Perm() &^ 0o600; wide != 0 {
		return nil, deniedError(fmt.Sprintf("%s holds tokens and others can read it (mode %04o): `chmod 600 %s`, and if others use this machine log in anew",
			visible(r.path), st.Mode().Perm(), visible(r.path)))
	}
	d := toml.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("read %s: %w", visible(r.path), err)
	}
	return r, nil
}

// deniedError is a matter of permissions.
type deniedError string

func (e deniedError) Error() string { return string(e) }
func (e deniedError) ExitCode() int { return client.ExitAuth }

// save writes the file anew: a temporary one first, so that a full disk loses nothing.
func (r *remotes) save() error {
	dir := filepath.Dir(r.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the remotes: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("# Servers and the tokens of this device, written by `sluice login`. Keep it to yourself.\n")
	if err := toml.NewEncoder(&b).Encode(r); err != nil {
		return fmt.Errorf("keep the remotes: %w", err)
	}
	f, err := os.CreateTemp(dir, ".remotes-*") // 0600
	if err != nil {
		return fmt.Errorf("keep the remotes: %w", err)
	}
	_, err = f.Write(b.Bytes())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), r.path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("keep the remotes: %w", err)
	}
	return nil
}

// names lists the remotes in order.
func (r *remotes) names() []string {
	list := make([]string, 0, len(r.Remotes))
	for name := range r.Remotes {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

// find gives a remote, or an error that says what to do.
func (r *remotes) find(name string) (remote, error) {
	if found, ok := r.Remotes[name]; ok {
		return found, nil
	}
	names := r.names()
	switch near := cli.Nearest(name, names); {
	case len(names) == 0:
		return remote{}, usagef("there is no remote yet: `sluice login URL` makes one")
	case near != "":
		return remote{}, usagef("there is no remote %s: did you mean %s?", visible(name), visible(near))
	default:
		return remote{}, usagef("there is no remote %s, only %s; `sluice login URL --name %s` makes it",
			visible(name), visible(strings.Join(names, ", ")), visible(name))
	}
}

// remoteName checks a name for a remote.
func remoteName(name string) error {
	if name == "" || strings.ContainsAny(name, ":/\\ \t\n\"'") || name[0] == '-' || visible(name) != name {
		return usagef("%q cannot name a remote: use letters, digits, - and _", name)
	}
	return nil
}

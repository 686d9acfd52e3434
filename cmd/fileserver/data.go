package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"sluice/internal/cli"
	"sluice/internal/control"
	"sluice/internal/parent"
	"sluice/internal/store"
)

const databaseName = "sluice.db"

// checkFolder refuses a folder before a file is made in it: one that holds other things
// (a slip in --data), and one that belongs to another user or whose database does (files
// made by root would lock the service out).
func checkFolder(data string) error {
	for _, path := range []string{filepath.Join(data, databaseName), data} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the data folder: %w", err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
			return othersFolder(data, owner)
		}
		if path == data {
			return checkEmpty(data)
		}
		return nil
	}
	return nil
}

// othersFolder says who must do it, in words to copy.
func othersFolder(data string, owner uint32) error {
	name := "#" + strconv.Itoa(int(owner))
	if u, err := user.LookupId(strconv.Itoa(int(owner))); err == nil {
		name = u.Username
	}
	how := "sudo -u " + quoteShell(name)
	if os.Geteuid() == 0 {
		how = "runuser -u " + quoteShell(name) + " --"
	}
	return fmt.Errorf("%w: the data folder %s belongs to user %s; run this as that user: %s sluiced …", fs.ErrPermission, data, name, how)
}

func checkEmpty(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at the data folder: %w", err)
	}
	strange := ""
	for _, e := range entries {
		switch e.Name() {
		case "server.lock", "schema.lock": // a first start that was cut off
			return nil
		case "lost+found":
		default:
			strange = e.Name()
		}
	}
	if strange != "" {
		return cli.Usagef("%s is not a data folder and not empty (it holds %q): name another or an empty folder with --data", data, strange)
	}
	return nil
}

// withStore runs f on the data folder, beside a running server or without one, and tells
// the server's workers what has changed.
func (p *program) withStore(data string, f func(*store.Store) error) error {
	return p.withPolicy(data, store.Policy{}, f)
}

// withPolicy is withStore for what an administrator's decisions matter to.
func (p *program) withPolicy(data string, policy store.Policy, f func(*store.Store) error) error {
	if err := checkFolder(data); err != nil {
		return err
	}
	raise, done, err := control.Changes(filepath.Join(data, parent.PageName))
	if err != nil {
		return err
	}
	defer done()
	s, err := store.OpenCommand(store.Config{Data: data, Policy: policy, OnCommit: raise})
	if err != nil {
		return err
	}
	err = f(s)
	if closed := s.Close(); err == nil {
		err = closed
	}
	return err
}

// mustBeThere refuses a data folder that was never made: what only looks makes none.
func mustBeThere(data string) error {
	if _, err := os.Stat(filepath.Join(data, databaseName)); err != nil {
		return fmt.Errorf("there is no database: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"sluice/internal/state"
)

// defaultSets are the names of folders that go as one thing with all they hold where nothing else was asked for.
const defaultSets = ".git"

// quiet is how long such a folder must have been left alone before it is sent.
const quiet = 3 * time.Second

// sets are the names of folders that go as one thing: those that were asked for, which are remembered, or those that are.
func (s *syncing) sets(remembered *state.Sync) ([]string, error) {
	root, err := remembered.Root()
	if err != nil {
		return nil, err
	}
	if s.flags.sets != nil {
		names := slices.DeleteFunc(slices.Clone(s.flags.sets), func(name string) bool { return name == "" })
		root.Sets = strings.Join(names, "/")
		if !s.look && !s.flags.dry {
			if err := remembered.Apply(&state.SyncBatch{Root: &root}); err != nil {
				return nil, err
			}
		}
	}
	return strings.FieldsFunc(root.Sets, func(c rune) bool { return c == '/' }), nil
}

// pause waits within a run for such folders to become quiet. A watcher comes back later.
func (s *syncing) pause() func(ctx context.Context, d time.Duration) error {
	if s.flags.watch || s.look || s.flags.dry {
		return nil
	}
	return func(ctx context.Context, d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

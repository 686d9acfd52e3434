package main

import (
	"context"
	"fmt"

	"sluice/internal/client"
	"sluice/internal/syncer"
)

// place is what stands at a path of the server.
type place struct {
	path    remotePath
	found   []client.Entry // the root, then one for each name that is there
	missing []string
}

// last is the deepest entry that is there.
func (l *place) last() client.Entry { return l.found[len(l.found)-1] }

// whole says that all of the path is there.
func (l *place) whole() bool { return len(l.missing) == 0 }

// folder says that the path is a folder.
func (l *place) folder() bool { return l.whole() && l.last().Kind == client.KindFolder }

// locate follows a path.
func (s *server) locate(ctx context.Context, path remotePath) (*place, error) {
	found, missing, err := syncer.Locate(ctx, s.Remote, path.names)
	if err != nil {
		return nil, err
	}
	return &place{path: path, found: found, missing: missing}, nil
}

// locateAt follows a path in the tree as it was at a time (0: as it is).
func (s *server) locateAt(ctx context.Context, path remotePath, at int64) (*place, error) {
	if at == 0 {
		return s.locate(ctx, path)
	}
	reply, err := s.StatAt(ctx, 0, at, path.names)
	if client.CodeOf(err) == client.NotKept {
		return nil, notFoundError(visible(path.String()) + ": versions that old are not kept any more")
	}
	if err != nil {
		return nil, err
	}
	return &place{path: path, found: reply.Entries, missing: path.names[len(reply.Entries)-1:]}, nil
}

// must is locate for a path that has to be there.
func (s *server) must(ctx context.Context, path remotePath) (*place, error) {
	return s.mustAt(ctx, path, 0)
}

// mustAt is locateAt for a path that has to have been there.
func (s *server) mustAt(ctx context.Context, path remotePath, at int64) (*place, error) {
	l, err := s.locateAt(ctx, path, at)
	if err != nil {
		return nil, err
	}
	if !l.whole() && at != 0 {
		return nil, notFoundError(visible(path.String()) + ": there was no such file or folder then")
	}
	if !l.whole() {
		return nil, notFound(path)
	}
	if path.folder && !l.folder() {
		return nil, usagef("%s is a file: write it without the slash at its end", visible(path.String()))
	}
	return l, nil
}

type notFoundError string

func (e notFoundError) Error() string { return string(e) }
func (e notFoundError) ExitCode() int { return client.ExitNotFound }

func notFound(path remotePath) error {
	return notFoundError(visible(path.String()) + ": there is no such file or folder")
}

// target is where a new name is to stand.
type target struct {
	parent int64
	name   string
	old    *client.Entry // what stands there already
	path   remotePath
}

// older is the content that stands there already.
func (t *target) older() client.Known {
	if t.old == nil || t.old.Kind != client.KindFile {
		return client.Known{}
	}
	return client.Known{Hash: t.old.Hash, Size: t.old.Size}
}

// target finds the place for something called name: in the folder at path if there is one or path ends with a
// slash, else at path itself, whose folder must be there.
func (s *server) target(ctx context.Context, path remotePath, name string) (*target, error) {
	l, err := s.locate(ctx, path)
	if err != nil {
		return nil, err
	}
	switch {
	case l.folder():
		return s.target1(ctx, l.last().Node, path.in(name))
	case l.whole() && path.folder:
		return nil, usagef("%s is a file, not a folder", visible(path.String()))
	case l.whole():
		old := l.last()
		return &target{parent: l.found[len(l.found)-2].Node, name: path.last(), old: &old, path: path}, nil
	case len(l.missing) > 1 || path.folder:
		return nil, notFoundError(fmt.Sprintf("there is no folder %s: `sluice mkdir -p %s` makes it",
			visible(folderOf(path).String()), visible(folderOf(path).String())))
	case l.last().Kind != client.KindFolder:
		return nil, usagef("%s is a file, not a folder", visible(folderOf(path).String()))
	}
	return &target{parent: l.last().Node, name: path.last(), path: path}, nil
}

// target1 looks whether something stands at a name in a folder.
func (s *server) target1(ctx context.Context, folder int64, path remotePath) (*target, error) {
	reply, err := s.Stat(ctx, folder, []string{path.last()})
	if err != nil {
		return nil, err
	}
	t := &target{parent: folder, name: path.last(), path: path}
	if len(reply.Entries) > 1 {
		t.old = &reply.Entries[1]
	}
	return t, nil
}

// folderOf is the folder a path means or lies in.
func folderOf(path remotePath) remotePath {
	if path.folder || len(path.names) == 0 {
		return path
	}
	return remotePath{remote: path.remote, names: path.names[:len(path.names)-1]}
}

// expect is the version that a commit demands at the target.
func (t *target) expect() int64 {
	if t.old == nil {
		return 0
	}
	return t.old.Version
}

// commit carries out one change, or says why not in words that name the path.
func (s *server) commit(ctx context.Context, path remotePath, c client.Change) (client.Changed, error) {
	reply, err := s.Commit(ctx, &client.CommitRequest{Changes: []client.Change{c}})
	if err != nil {
		return client.Changed{}, fmt.Errorf("%s: %w", visible(path.String()), err)
	}
	if len(reply.Entries) != 1 {
		return client.Changed{}, fmt.Errorf("commit of one change answered %d: %w", len(reply.Entries), client.ErrProtocol)
	}
	done := reply.Entries[0]
	return done, changeError(path, done)
}

// changeError is the failure of one change.
func changeError(path remotePath, done client.Changed) error {
	at := visible(path.String())
	switch done.Code {
	case client.OK:
		return nil
	case client.NotFound:
		return notFound(path)
	case client.Exists, client.Conflict:
		return conflictError(at + " was changed by someone else just now: look at it, then run the same command again")
	case client.Cycle:
		return usagef("%s: a folder cannot go into itself", at)
	case client.NotEmpty:
		return usagef("%s holds something: use -r to remove all of it", at)
	}
	return client.NewError(at, done.Code, done.Message)
}

type conflictError string

func (e conflictError) Error() string { return string(e) }
func (e conflictError) ExitCode() int { return client.ExitConflicts }

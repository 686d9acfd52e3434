package syncer

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// Ignored is mirror.Folder's. A path with the name of a temporary file is left alone, too.
func (f *Folder) Ignored(path string, folder bool) bool {
	if strings.HasPrefix(path, tempPrefix) || strings.Contains(path, "/"+tempPrefix) {
		return true
	}
	top := rules{flags: f.flags, files: f.ignored}
	return ignoredBelow(path, folder, func(of string) rules { return f.ignored.over(of, top) })
}

// Why tells whether a path is left alone, by the ignore files as they are now, and which pattern decides that: of which line of
// which file, relative to the folder; "" is the command line, and an empty pattern a rule that is always there. The pattern may
// be for a folder that the path is in, or say that it is not left alone. A path that ends with "/" is a folder's.
func (f *Folder) Why(path string) (file string, line int, pattern string, ignored bool, err error) {
	path, folder := strings.CutSuffix(path, "/")
	for part := range strings.SplitSeq(path, "/") {
		if err := proto.CheckName(part); err != nil {
			return "", 0, "", false, fmt.Errorf("%s: %w", Terminal(path), err)
		}
	}
	if !folder {
		folder = f.isFolder(path)
	}
	r := rules{flags: f.flags, files: newIgnored()}
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		at := path[:i]
		if r, err = f.rulesIn(r, parentOf(at)); err != nil {
			return "", 0, "", false, err
		}
		_, name := cutPath(at)
		if strings.HasPrefix(name, tempPrefix) {
			return "", 0, "", true, nil
		}
		from, p, out := r.why(at, i < len(path) || folder)
		if !out && i < len(path) {
			continue
		}
		if p == nil {
			return "", 0, "", out, nil
		}
		return from, p.line, p.raw, out, nil
	}
	return "", 0, "", false, nil
}

func (f *Folder) isFolder(path string) bool {
	fd, err := f.at.open(path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// rulesIn adds the ignore files of a folder, if there is one.
func (f *Folder) rulesIn(r rules, folder string) (rules, error) {
	fd, err := f.at.folder(folder)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("open %s: %w", Terminal(join(f.dir, folder)), err)
	}
	defer unix.Close(fd)
	return r.enter(fd, folder)
}

package main

import (
	"strings"
)

// remotePath is REMOTE:PATH, as home:docs/a.txt.
type remotePath struct {
	remote string
	names  []string
	folder bool // written with a slash at its end, or naming the root: a folder is meant
}

// isRemote says whether an argument names a place on a server: a colon before any slash.
func isRemote(arg string) bool {
	colon, slash := strings.IndexByte(arg, ':'), strings.IndexByte(arg, '/')
	return colon > 0 && (slash < 0 || colon < slash)
}

// parseRemotePath reads REMOTE:PATH. Empty names and "." are dropped; ".." is refused.
func parseRemotePath(arg string) (remotePath, error) {
	if !isRemote(arg) {
		return remotePath{}, usagef("%s is not a place on a server: write REMOTE:PATH, for example %s:%s",
			visible(arg), defaultRemote, visible(strings.TrimLeft(arg, "/.:")))
	}
	name, path, _ := strings.Cut(arg, ":")
	r := remotePath{remote: name, folder: path == "" || strings.HasSuffix(path, "/")}
	for _, n := range strings.Split(path, "/") {
		switch n {
		case "", ".":
		case "..":
			return remotePath{}, usagef("%s: .. is not understood in a place on a server", visible(arg))
		default:
			r.names = append(r.names, n)
		}
	}
	if len(r.names) == 0 {
		r.folder = true
	}
	return r, nil
}

// String is the path as one would write it.
func (r remotePath) String() string { return r.remote + ":" + strings.Join(r.names, "/") }

// last is the last name, or "" for the root.
func (r remotePath) last() string {
	if len(r.names) == 0 {
		return ""
	}
	return r.names[len(r.names)-1]
}

// in is the path of a name in the folder r.
func (r remotePath) in(name string) remotePath {
	names := append(append([]string{}, r.names...), name)
	return remotePath{remote: r.remote, names: names}
}

package torture

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// census counts a process's open descriptors by what they are.
type census struct {
	total, sockets, pipes int
	database              int      // of its connections, opened as they are needed, at most six
	objects, segments     int      // of a data folder, open for writing
	reading               int      // of the same, open for reading: the cache
	paths                 []string // of objects and segments open for writing
}

// takeCensus counts; the process may come and go.
func takeCensus(pid int, data string) (c census, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return c, err
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		c.total++
		switch rest, ours := strings.CutPrefix(target, data+"/"); {
		case strings.HasPrefix(target, "socket:"):
			c.sockets++
		case strings.HasPrefix(target, "pipe:"):
			c.pipes++
		case !ours:
		case strings.HasPrefix(rest, "sluice.db"):
			c.database++
		case !strings.HasPrefix(rest, "objects/") && !strings.HasPrefix(rest, "segments/"):
		case !writing(pid, e.Name()):
			c.reading++
		case strings.HasPrefix(rest, "objects/"):
			c.objects++
			c.paths = append(c.paths, rest)
		default:
			c.segments++
			c.paths = append(c.paths, rest)
		}
	}
	return c, nil
}

// writing tells whether a descriptor is open for writing.
func writing(pid int, fd string) bool {
	info, _ := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	_, after, _ := bytes.Cut(info, []byte("flags:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	flags, err := strconv.ParseInt(strings.TrimSpace(string(line)), 8, 64)
	return err == nil && flags&int64(os.O_WRONLY|os.O_RDWR) != 0
}

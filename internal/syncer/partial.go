package syncer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// partialPrefix begins the names of large files that are on their way. Such a file outlives its run, so that the next one
// that wants the same content there goes on with it; its name follows from the content.
const partialPrefix = tempPrefix + "part-"

// partialKept is how long a partial file that nobody goes on with stays.
const partialKept = 7 * 24 * time.Hour

// Partial is a file that a large content is being fetched into. Exactly one of Done and Failed ends it.
type Partial struct {
	File   *os.File // owned; nobody else writes to it
	fd     int      // File's
	name   string   // in its folder
	spare  string
	folder int
	own    bool // the folder's descriptor is
}

// OpenPartial opens the partial file of a content in a folder, or makes it.
func OpenPartial(dir string, content client.Hash) (*Partial, error) {
	folder, err := retry(func() (int, error) {
		return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Terminal(dir), err)
	}
	var names temps
	names.init()
	p, err := openPartial(folder, content, names.name())
	if err != nil {
		unix.Close(folder)
		return nil, err
	}
	p.own = true
	return p, nil
}

// openPartial is OpenPartial in an open folder, which must stay open as long as the partial file. Where another run has the
// file, it makes one of its own, with the name spare.
func openPartial(folder int, content client.Hash, spare string) (*Partial, error) {
	p := &Partial{name: partialPrefix + hex.EncodeToString(content[:16]), spare: spare, folder: folder}
	fd, err := retry(func() (int, error) {
		return unix.Openat(folder, p.name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	})
	if err == nil && !ownable(fd, folder, p.name) {
		unix.Close(fd)
		err = unix.EBUSY
	}
	if err != nil {
		p.name = spare
		if fd, err = createTemp(folder, spare); err != nil {
			return nil, err
		}
	}
	p.fd, p.File = fd, os.NewFile(uintptr(fd), p.name)
	return p, nil
}

// Name is the file's name in its folder.
func (p *Partial) Name() string { return p.name }

// Done closes the file, which holds the content, under a name that nobody looks for, and tells that name: from now on nobody
// goes on with it, who might write to it when it has the name it is for.
func (p *Partial) Done() (name string, err error) {
	if p.name != p.spare {
		err = unix.Renameat(p.folder, p.name, p.folder, p.spare)
	}
	p.close()
	if err != nil {
		return "", fmt.Errorf("rename a temporary file: %w", err)
	}
	return p.spare, nil
}

// Failed closes the file after a fetch that ended with err. What another run can go on with stays; what is of no use, or
// takes the room that is missing, goes.
func (p *Partial) Failed(err error) {
	if p.name == p.spare || !resumable(err) {
		_ = unix.Unlinkat(p.folder, p.name, 0)
	}
	p.close()
}

func (p *Partial) close() {
	p.File.Close()
	if p.own {
		unix.Close(p.folder)
		p.own = false
	}
}

// ownable takes a partial file for this run: it must be a plain file of one's own, of one name only, still be there under it,
// and nobody else may have it.
func ownable(fd, folder int, name string) bool {
	if _, err := retry(func() (int, error) { return 0, unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }); errors.Is(err, unix.EWOULDBLOCK) {
		return false
	}
	var st, there unix.Stat_t
	if unix.Fstat(fd, &st) != nil || unix.Fstatat(folder, name, &there, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return false
	}
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink == 1 && int(st.Uid) == os.Geteuid() && st.Ino == there.Ino && st.Dev == there.Dev
}

// resumable tells whether what was fetched is good for another try.
func resumable(err error) bool {
	switch client.ExitCode(err) {
	case client.ExitTemporary, client.ExitInterrupted, client.ExitAuth:
		return true
	}
	return false
}

// stale tells whether a leftover is one that nobody will go on with.
func stale(folder int, name string, now time.Time) bool {
	if !strings.HasPrefix(name, partialPrefix) {
		return true
	}
	var st unix.Stat_t
	err := unix.Fstatat(folder, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && now.Sub(time.Unix(st.Mtim.Unix())) > partialKept
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// ExportConfig says what an export does.
type ExportConfig struct {
	User string
	To   string // a folder; it and those above it are made if need be
	// DryRun makes nothing.
	DryRun bool

	Tell     func(Finding) // what was not written; nil: nobody listens
	Progress *Progress
}

// ExportReport is what an export has written.
type ExportReport struct {
	Files   int64 `json:"files"`
	Folders int64 `json:"folders"` // made
	Links   int64 `json:"links"`
	Bytes   int64 `json:"bytes"`
	Shared  int64 `json:"shared"`  // files that share extents with the data folder
	There   int64 `json:"there"`   // names that stood there already, which were left as they are
	Damaged int64 `json:"damaged"` // files whose bytes are damaged: not written
	Failed  int64 `json:"failed"`  // others that could not be written
}

type export struct {
	s      *Store
	ctx    context.Context
	config ExportConfig
	who    Who
	at     int64 // the moment the tree is exported as of
	report ExportReport
	buffer []byte
}

// What an export or an import tells of.
const (
	findThere  = "there"  // a name stands there and was left as it is
	findFailed = "failed" // it could not be written, or read
)

// Export writes an account's tree, as it is when it begins, as plain files with modes and times. Every file's bytes are
// compared with their hash before it is written. Nothing that stands there is changed, and no name leads out of the folder.
func (s *Store) Export(ctx context.Context, config ExportConfig) (ExportReport, error) {
	e := &export{s: s, ctx: ctx, config: config, at: now(), buffer: make([]byte, verifyWindow)}
	var err error
	if e.who, err = s.whoIs(config.User); err != nil {
		return e.report, err
	}
	config.Progress.Doing("export", 0)
	if config.DryRun {
		err = e.folder(nil, e.who.Root, config.To)
		return e.report, err
	}
	if err := os.MkdirAll(config.To, 0o755); err != nil {
		return e.report, full(err)
	}
	root, err := os.OpenRoot(config.To)
	if err != nil {
		return e.report, err
	}
	defer root.Close()
	if err := e.folder(root, e.who.Root, config.To); err != nil {
		return e.report, err
	}
	config.Progress.Doing("sync", 0)
	return e.report, syncAll(config.To)
}

// whoIs finds an account by its name, for commands.
func (s *Store) whoIs(name string) (w Who, err error) {
	err = s.read(func(tx *db.Tx) error {
		a, err := tx.AccountByName([]byte(name))
		if err != nil {
			return err
		}
		if a == nil {
			return fmt.Errorf("user %q: %w", name, ErrNotFound)
		}
		home, err := tx.Namespace(a.Namespace)
		if err != nil {
			return err
		}
		w = Who{Account: a.ID, Namespace: a.Namespace, Root: home.Root, Name: name}
		return nil
	})
	return w, err
}

// folder writes what a folder holds into root; nil: it only counts. path is for messages.
func (e *export) folder(root *os.Root, node int64, path string) error {
	for after, more := int64(0), true; more; {
		var all []Entry
		var err error
		_, _, more, err = e.s.ListAt(e.who, e.who.Namespace, node, e.at, false, after, func(n Entry) bool {
			all = append(all, n)
			return len(all) < sweepBatch
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", path, err)
		}
		for i := range all {
			after = all[i].Node
			if all[i].Node == node {
				continue
			}
			if err := e.ctx.Err(); err != nil {
				return err
			}
			if err := e.entry(root, &all[i], path+"/"+all[i].Name); err != nil {
				return err
			}
		}
		more = more && len(all) > 0
	}
	return nil
}

// entry writes one name. Only what stops the whole is an error.
func (e *export) entry(root *os.Root, n *Entry, path string) error {
	var err error
	switch n.Kind {
	case KindFolder:
		return e.subfolder(root, n, path)
	case KindLink:
		err = e.link(root, n)
	default:
		err = e.file(root, n)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		e.report.There++
		e.tell(findThere, path, nil)
	case errors.Is(err, ErrSpoiled), errors.Is(err, ErrHash), errors.Is(err, ErrNotFound):
		e.report.Damaged++
		e.tell(findMarked, path, err)
	case errors.Is(full(err), ErrSpace), errors.Is(err, context.Canceled):
		return fmt.Errorf("write %s: %w", path, full(err))
	default:
		e.report.Failed++
		e.tell(findFailed, path, err)
	}
	return nil
}

func (e *export) tell(kind, path string, err error) {
	if e.config.Tell == nil {
		return
	}
	text := path
	if err != nil {
		text += ": " + err.Error()
	}
	e.config.Tell(Finding{Kind: kind, Text: text})
}

func (e *export) subfolder(root *os.Root, n *Entry, path string) error {
	if root == nil {
		e.report.Folders++
		return e.folder(nil, n.Node, path)
	}
	err := root.Mkdir(n.Name, 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if errors.Is(full(err), ErrSpace) {
			return full(err)
		}
		e.report.Failed++
		e.tell(findFailed, path, err)
		return nil
	}
	if made {
		e.report.Folders++
	} else if info, err := root.Lstat(n.Name); err != nil || !info.IsDir() { // a link is not followed, wherever it leads
		e.report.There++
		e.tell(findThere, path, err)
		return nil
	}
	below, err := root.OpenRoot(n.Name)
	if err != nil {
		e.report.Failed++
		e.tell(findFailed, path, err)
		return nil
	}
	err = e.folder(below, n.Node, path)
	below.Close()
	if err != nil || !made {
		return err
	}
	return errors.Join(root.Chmod(n.Name, fs.FileMode(n.Mode&0o777)), root.Chtimes(n.Name, time.Time{}, time.Unix(0, n.Mtime)))
}

func (e *export) link(root *os.Root, n *Entry) error {
	target := make([]byte, n.Size)
	l, err := e.s.Find(e.who, n.Hash)
	if err != nil {
		return err
	}
	if err := e.s.ReadAll([]*Location{l}, target); err != nil {
		return err
	}
	if differ("an export", hash.Sum(target), n.Hash) {
		return ErrHash
	}
	if root != nil {
		if err := root.Symlink(string(target), n.Name); err != nil {
			return err
		}
		if err := linkTime(root, n); err != nil {
			return err
		}
	}
	e.report.Links++
	e.config.Progress.Add(1, 0)
	return nil
}

// linkTime sets a link's own time.
func linkTime(root *os.Root, n *Entry) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return control(dir, func(fd int) error {
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(n.Mtime)}
		return unix.UtimesNanoAt(fd, n.Name, times, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// control calls do with a file's descriptor, which stays the file's.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(fd uintptr) { inner = do(int(fd)) })
	return errors.Join(err, inner)
}

func (e *export) file(root *os.Root, n *Entry) error {
	var source *File
	for try := 1; ; try++ { // it may be moved out of a segment that is then removed
		l, err := e.s.Find(e.who, n.Hash)
		if err != nil {
			return err
		}
		if source, err = l.Open(); err == nil {
			break
		} else if try == 3 || !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	defer source.Release()
	small, err := e.compare(source, n)
	if err != nil {
		return err
	}
	e.config.Progress.Add(1, n.Size)
	if root != nil {
		if err := e.write(root, source, n, small); err != nil {
			return err
		}
	}
	e.report.Files++
	e.report.Bytes += n.Size
	return nil
}

// compare compares a file's bytes with its hash; small ones it gives.
func (e *export) compare(source *File, n *Entry) (small []byte, err error) {
	var sum [32]byte
	if n.Size <= int64(len(e.buffer)) {
		small = e.buffer[:n.Size]
		err = source.ReadAt(small, 0)
		sum = hash.Sum(small)
	} else {
		sum, _, err = hash.SumReader(&stretch{source.FD(), source.Base(), source.Base() + n.Size})
	}
	if err == nil && differ("an export", sum, n.Hash) {
		err = ErrHash
	}
	return small, err
}

// write makes a file. One that could not be written whole is removed again.
func (e *export) write(root *os.Root, source *File, n *Entry, small []byte) (err error) {
	f, err := root.OpenFile(n.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			root.Remove(n.Name)
		}
	}()
	if small != nil {
		_, err = f.Write(small)
	} else {
		err = control(f, func(fd int) error {
			if source.Base() > 0 {
				return copyRange(fd, 0, source.FD(), source.Base(), n.Size)
			}
			shared, err := cloneFile(fd, source.FD(), n.Size)
			if shared {
				e.report.Shared++
			}
			return err
		})
	}
	if err != nil {
		return err
	}
	if err := f.Chmod(fs.FileMode(n.Mode & 0o777)); err != nil {
		return err
	}
	return root.Chtimes(n.Name, time.Time{}, time.Unix(0, n.Mtime))
}

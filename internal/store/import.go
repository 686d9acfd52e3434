package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// ImportConfig says what an import does.
type ImportConfig struct {
	User   string
	From   string // a folder: what it holds comes into the account's root
	DryRun bool   // keep nothing

	Tell     func(Finding) // what did not come; nil: nobody listens
	Progress *Progress
}

// ImportReport is what an import has brought.
type ImportReport struct {
	Files   int64 `json:"files"`
	Folders int64 `json:"folders"` // made
	Links   int64 `json:"links"`
	Bytes   int64 `json:"bytes"`
	Shared  int64 `json:"shared"` // files that share extents with the folder
	There   int64 `json:"there"`  // names that stood there with something else, which were left as they are
	Failed  int64 `json:"failed"` // could not be read, changed while they were read, or are no files, folders or links
}

// errChanged says that a file was written to while it was read.
var errChanged = errors.New("it changed while it was read")

// How much an import gathers: contents of one batch, names of one commit.
const (
	importBytes = 4 << 20
	importNames = 500
)

type importer struct {
	s      *Store
	ctx    context.Context
	config ImportConfig
	who    Who
	report ImportReport

	body   []byte // contents up to the border, one after another
	hashes [][32]byte
	sizes  []int64
	puts   []Change
	paths  []string // of puts, for messages
}

// Import brings a folder into an account's tree: each file is read once, or shared where the file system can share extents.
// What stands there is not changed; the same file again is nothing. The account's quota holds.
func (s *Store) Import(ctx context.Context, config ImportConfig) (ImportReport, error) {
	c := &importer{s: s, ctx: ctx, config: config}
	var err error
	if c.who, err = s.whoIs(config.User); err != nil {
		return c.report, err
	}
	root, err := os.OpenRoot(config.From)
	if err != nil {
		return c.report, err
	}
	defer root.Close()
	config.Progress.Doing("import", 0)
	if err = c.folder(root, c.who.Root, config.From); err == nil {
		err = c.flush()
	}
	return c.report, err
}

// folder brings what a folder holds below a node; 0: it only counts.
func (c *importer) folder(root *os.Root, node int64, path string) error {
	dir, err := root.Open(".")
	if err != nil {
		return c.failed(path, err)
	}
	entries, err := dir.ReadDir(-1)
	dir.Close()
	if err != nil {
		return c.failed(path, err)
	}
	var folders []fs.FileInfo
	for _, e := range entries {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		info, err := root.Lstat(e.Name())
		below := path + "/" + e.Name()
		switch {
		case err != nil:
			err = c.failed(below, err)
		case info.IsDir():
			folders = append(folders, info)
		case info.Mode().IsRegular():
			err = c.file(root, node, info, below)
		case info.Mode()&fs.ModeSymlink != 0:
			err = c.link(root, node, info, below)
		default:
			err = c.failed(below, errors.New("neither file, folder nor link"))
		}
		if err != nil {
			return err
		}
	}
	nodes, err := c.folders(node, folders, path)
	for i := 0; i < len(folders) && err == nil; i++ {
		if nodes[i] < 0 {
			continue
		}
		below, e := root.OpenRoot(folders[i].Name())
		if e != nil {
			err = c.failed(path+"/"+folders[i].Name(), e)
			continue
		}
		err = c.folder(below, nodes[i], path+"/"+folders[i].Name())
		below.Close()
	}
	return err
}

// folders makes folders below a node and gives their nodes; -1: something else stands there.
func (c *importer) folders(node int64, all []fs.FileInfo, path string) ([]int64, error) {
	nodes := make([]int64, len(all))
	if c.config.DryRun {
		c.report.Folders += int64(len(all))
		return nodes, nil
	}
	for done := 0; done < len(all); done += importNames {
		group := all[done:min(done+importNames, len(all))]
		changes := make([]Change, len(group))
		for i, info := range group {
			changes[i] = Change{Op: OpMkdir, Parent: Place{Node: node}, Name: info.Name(), Mode: uint32(info.Mode().Perm()), Mtime: info.ModTime().UnixNano()}
		}
		fates, err := c.commit(changes)
		if err != nil {
			return nil, err
		}
		for i, f := range fates {
			switch {
			case f.Err == nil:
				c.report.Folders++
			case errors.Is(f.Err, ErrExists):
				if is, err := c.isFolder(f.Node); err != nil {
					return nil, err
				} else if !is {
					f.Node = -1
					c.there(path + "/" + group[i].Name())
				}
			default:
				if err := c.failed(path+"/"+group[i].Name(), f.Err); err != nil {
					return nil, err
				}
				f.Node = -1
			}
			nodes[done+i] = f.Node
		}
	}
	return nodes, nil
}

func (c *importer) isFolder(node int64) (is bool, err error) {
	err = c.s.read(func(tx *db.Tx) error {
		_, kind, _, found, err := tx.Above(node)
		is = found && kind == db.Folder
		return err
	})
	return is, err
}

// commit carries out changes, each by itself.
func (c *importer) commit(changes []Change) (fates []Fate, err error) {
	var o Once // no request of a peer has type 0
	rand.Read(o.Key[:])
	_, err = c.s.Commit(c.who, o, c.who.Namespace, false, 0, changes, func(_ int64, all []Fate) []byte {
		fates = append(fates[:0], all...)
		return []byte{}
	})
	return fates, err
}

// failed tells of what did not come. Only what stops the whole is an error again.
func (c *importer) failed(path string, err error) error {
	err = full(err)
	for _, grave := range []error{ErrQuota, ErrSpace, ErrReadOnly, context.Canceled} {
		if errors.Is(err, grave) {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	c.report.Failed++
	if c.config.Tell != nil {
		c.config.Tell(Finding{Kind: findFailed, Text: path + ": " + err.Error()})
	}
	return nil
}

func (c *importer) there(path string) {
	c.report.There++
	if c.config.Tell != nil {
		c.config.Tell(Finding{Kind: findThere, Text: path})
	}
}

func (c *importer) file(root *os.Root, node int64, info fs.FileInfo, path string) error {
	if c.config.DryRun {
		c.report.Files++
		c.report.Bytes += info.Size()
		return nil
	}
	f, err := root.OpenFile(info.Name(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return c.failed(path, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return c.failed(path, errors.Join(errChanged, err))
	}
	put := Change{Op: OpPut, Parent: Place{Node: node}, Name: info.Name(), Kind: KindFile, Size: info.Size(), Mode: uint32(info.Mode().Perm()),
		Mtime: info.ModTime().UnixNano()}
	if info.Size() <= Border {
		return c.small(f, put, path)
	}
	var shared bool
	err = control(f, func(fd int) (err error) {
		put.Hash, shared, err = c.s.adopt(c.who, fd, put.Size, func() error { return unchangedSince(f, info) })
		return err
	})
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errChanged
	}
	if err != nil {
		return c.failed(path, err)
	}
	if shared {
		c.report.Shared++
	}
	return c.put(put, path)
}

// unchangedSince tells whether a file is as it was.
func unchangedSince(f *os.File, was fs.FileInfo) error {
	is, err := f.Stat()
	if err == nil && (is.Size() != was.Size() || !is.ModTime().Equal(was.ModTime())) {
		err = errChanged
	}
	return err
}

// small reads a file into the batch.
func (c *importer) small(f *os.File, put Change, path string) error {
	if err := c.room(put.Size); err != nil {
		return err
	}
	begin := len(c.body)
	c.body = append(c.body, make([]byte, put.Size)...)
	err := control(f, func(fd int) error { return readOnce(fd, c.body[begin:]) })
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errChanged
	}
	if err != nil {
		c.body = c.body[:begin]
		return c.failed(path, err)
	}
	return c.gathered(c.body[begin:], put, path)
}

func (c *importer) link(root *os.Root, node int64, info fs.FileInfo, path string) error {
	if c.config.DryRun {
		c.report.Links++
		return nil
	}
	target, err := root.Readlink(info.Name())
	if err != nil {
		return c.failed(path, err)
	}
	put := Change{Op: OpPut, Parent: Place{Node: node}, Name: info.Name(), Kind: KindLink, Size: int64(len(target)), Mode: 0o777, Mtime: info.ModTime().UnixNano()}
	if err := c.room(put.Size); err != nil {
		return err
	}
	begin := len(c.body)
	c.body = append(c.body, target...)
	return c.gathered(c.body[begin:], put, path)
}

// room empties the batch if so many bytes more would be too much.
func (c *importer) room(bytes int64) error {
	if int64(len(c.body))+bytes > importBytes {
		return c.flush()
	}
	return nil
}

// gathered notes a content that stands at the end of the batch.
func (c *importer) gathered(b []byte, put Change, path string) error {
	put.Hash = hash.Sum(b)
	c.hashes, c.sizes = append(c.hashes, put.Hash), append(c.sizes, put.Size)
	return c.put(put, path)
}

func (c *importer) put(put Change, path string) error {
	c.puts, c.paths = append(c.puts, put), append(c.paths, path)
	if len(c.puts) >= importNames {
		return c.flush()
	}
	return nil
}

// flush keeps what was gathered: contents, then names.
func (c *importer) flush() error {
	if len(c.puts) == 0 {
		return nil
	}
	if err := c.keep(); err != nil {
		return fmt.Errorf("%s: %w", c.paths[0], err)
	}
	fates, err := c.commit(c.puts)
	if err != nil {
		return err
	}
	for i, f := range fates {
		put := &c.puts[i]
		switch {
		case errors.Is(f.Err, ErrExists):
			c.there(c.paths[i])
		case f.Err != nil:
			if err := c.failed(c.paths[i], f.Err); err != nil {
				return err
			}
		case put.Kind == KindLink:
			c.report.Links++
		default:
			c.report.Files++
			c.report.Bytes += put.Size
		}
		c.config.Progress.Add(1, put.Size)
	}
	c.puts, c.paths = c.puts[:0], c.paths[:0]
	return nil
}

// keep keeps the contents of the batch.
func (c *importer) keep() error {
	if len(c.hashes) == 0 {
		return nil
	}
	in, err := c.s.ObjectsBegin(c.who, c.hashes, c.sizes)
	if err != nil {
		return err
	}
	body := c.body
	for _, p := range in.Pieces() {
		if err := writeAt(p.FD, body[:p.Length], p.Offset); err != nil {
			in.Abort()
			return err
		}
		body = body[p.Length:]
	}
	failed, err := in.Finish(body)
	if err == nil && len(failed) > 0 {
		err = errors.Join(ErrHash, errors.New("BUG: bytes in memory changed"))
	}
	c.body, c.hashes, c.sizes = c.body[:0], c.hashes[:0], c.sizes[:0]
	return err
}

package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

// A batch of the tree floor: how many files and how many bytes, 4 bytes each; for each file its length, 4 bytes, and its
// hash; then their bytes. It is answered by one byte.
const (
	treeEntry = 4 + 32
	treeFiles = 1000
	treeBytes = 8 << 20
)

// floorTree takes batches of small contents: verified in memory, appended to one file, synced. No names, no database: what
// a first push costs beside it is what keeping a tree costs.
func floorTree(j job, ready func(string)) (answer, error) {
	listener, address, err := listen(j.Congestion)
	if err != nil {
		return answer{}, err
	}
	f, err := os.Create(filepath.Join(j.Dir, "segment"))
	if err != nil {
		return answer{}, err
	}
	var end atomic.Int64
	ready(address)
	for {
		fd, err := accept(listener)
		if err != nil {
			return answer{}, err
		}
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			defer unix.Close(fd)
			for {
				if err := takeBatch(fd, f, &end); err != nil {
					if !errors.Is(err, errClosed) {
						fmt.Fprintln(os.Stderr, err)
					}
					return
				}
			}
		}()
	}
}

func takeBatch(fd int, f *os.File, end *atomic.Int64) error {
	var head [8]byte
	if err := readAll(fd, head[:]); err != nil {
		return err
	}
	count, size := int(binary.LittleEndian.Uint32(head[:])), int(binary.LittleEndian.Uint32(head[4:]))
	b := make([]byte, count*treeEntry+size)
	if err := readAll(fd, b); err != nil {
		return err
	}
	entries, body := b[:count*treeEntry], b[count*treeEntry:]
	for rest := body; len(entries) > 0; entries = entries[treeEntry:] {
		n := int(binary.LittleEndian.Uint32(entries))
		if hash.Sum(rest[:n]) != [32]byte(entries[4:treeEntry]) {
			return errors.New("a file differs")
		}
		rest = rest[n:]
	}
	reserved := (int64(size) + 4095) &^ 4095
	if _, err := f.WriteAt(body, end.Add(reserved)-reserved); err != nil {
		return err
	}
	if err := unix.Fdatasync(descriptor(f)); err != nil {
		return err
	}
	return writeAll(fd, []byte{1})
}

// floorPush is the tree floor's client: it walks, reads and hashes, and sends batches on several connections.
func floorPush(j job, _ func(string)) (answer, error) {
	batches := make(chan []string, j.Connections)
	var g errgroup.Group
	g.Go(func() error {
		defer close(batches)
		return walkBatches(j.Dir, func(files []string) { batches <- files })
	})
	for range j.Connections {
		g.Go(func() error {
			fd, err := dial(j.Address, j.Congestion)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			for files := range batches {
				if err := sendBatch(fd, files); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return answer{}, g.Wait()
}

func sendBatch(fd int, files []string) error {
	var entries, body []byte
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := hash.Sum(b)
		entries = append(binary.LittleEndian.AppendUint32(entries, uint32(len(b))), sum[:]...)
		body = append(body, b...)
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(files)))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	for _, part := range [][]byte{append(head, entries...), body} {
		if err := writeAll(fd, part); err != nil {
			return err
		}
	}
	return readAll(fd, make([]byte, 1))
}

// walkBatches calls f with the plain files below dir, so many at a time as one batch may hold.
func walkBatches(dir string, f func(files []string)) error {
	var files []string
	var size int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if len(files) == treeFiles || len(files) > 0 && size+info.Size() > treeBytes {
			f(files)
			files, size = nil, 0
		}
		files = append(files, path)
		size += info.Size()
		return nil
	})
	if len(files) > 0 {
		f(files)
	}
	return err
}

package bench

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// httpPut sends one large file to nginx, its pages by the kernel.
func httpPut(j job, _ func(string)) (answer, error) {
	f, err := os.Open(j.File)
	if err != nil {
		return answer{}, err
	}
	defer f.Close()
	fd, err := dial(j.Address, j.Congestion)
	if err != nil {
		return answer{}, err
	}
	defer unix.Close(fd)
	if err := writeAll(fd, putHead(j.Path, j.Size)); err != nil {
		return answer{}, err
	}
	if err := sendFile(fd, descriptor(f), 0, j.Size); err != nil {
		return answer{}, err
	}
	_, err = readHead(fd)
	return answer{Units: j.Size}, err
}

func putHead(path string, size int64) []byte {
	return fmt.Appendf(nil, "PUT %s HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n", path, size)
}

// httpPush sends the files of a tree to nginx on several connections: no times, no modes, no empty folders.
func httpPush(j job, _ func(string)) (answer, error) {
	batches := make(chan []string, j.Connections)
	var g errgroup.Group
	g.Go(func() error {
		defer close(batches)
		return walkBatches(j.Dir, func(files []string) {
			for len(files) > 0 {
				n := min(16, len(files)) // shorter, so that no connection waits for another at the end
				batches <- files[:n]
				files = files[n:]
			}
		})
	})
	for range j.Connections {
		g.Go(func() error {
			fd, err := dial(j.Address, j.Congestion)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			for files := range batches {
				for _, file := range files {
					if err := putFile(fd, j, file); err != nil {
						return fmt.Errorf("%s: %w", file, err)
					}
				}
			}
			return nil
		})
	}
	return answer{}, g.Wait()
}

func putFile(fd int, j job, file string) error {
	name, err := filepath.Rel(j.Dir, file)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	path := j.Path + (&url.URL{Path: "/" + name}).EscapedPath()
	// One segment for head and body: apart, each file would wait for a delayed acknowledgement.
	if err := writeAll(fd, append(putHead(path, int64(len(b))), b...)); err != nil {
		return err
	}
	_, err = readHead(fd)
	return err
}

package bench

import (
	"errors"
	"os"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

// floorUpload is the upload floor's client: one pass of BLAKE3 ahead of the senders, the file's pages sent by the kernel.
func floorUpload(j job, _ func(string)) (answer, error) {
	f, err := os.Open(j.File)
	if err != nil {
		return answer{}, err
	}
	defer f.Close()
	first, err := dial(j.Address, j.Congestion)
	if err != nil {
		return answer{}, err
	}
	defer unix.Close(first)
	if err := upAsk(first, upMessage{index: upOpen, length: j.Size}); err != nil {
		return answer{}, err
	}

	values := make([][32]byte, (j.Size+hash.ChunkSize-1)/hash.ChunkSize)
	hashed := make(chan upMessage, 2*j.Connections)
	var g errgroup.Group
	g.Go(func() error {
		defer close(hashed)
		for i := range values {
			m := upMessage{index: int64(i), length: min(hash.ChunkSize, j.Size-int64(i)*hash.ChunkSize)}
			if m.value, err = chunkValue(f, m.index, m.length); err != nil {
				return err
			}
			values[i] = m.value
			hashed <- m
		}
		return nil
	})
	for i := range j.Connections {
		g.Go(func() error {
			fd := first
			if i > 0 {
				var err error
				if fd, err = dial(j.Address, j.Congestion); err != nil {
					return err
				}
				defer unix.Close(fd)
			}
			return upSend(fd, descriptor(f), hashed)
		})
	}
	if err := g.Wait(); err != nil {
		return answer{}, err
	}
	return answer{Units: j.Size}, upAsk(first, upMessage{index: upSeal, value: hash.Root(values, j.Size)})
}

// upSend sends chunks until there are no more, then waits for the answers to all of them.
func upSend(fd, file int, hashed <-chan upMessage) error {
	sent := 0
	for m := range hashed {
		if err := writeAll(fd, m.bytes()); err != nil {
			return err
		}
		if err := sendFile(fd, file, m.index*hash.ChunkSize, m.length); err != nil {
			return err
		}
		sent++
	}
	return readAll(fd, make([]byte, sent))
}

func upAsk(fd int, m upMessage) error {
	if err := writeAll(fd, m.bytes()); err != nil {
		return err
	}
	return readAll(fd, make([]byte, 1))
}

// sendFile sends a range of a file.
func sendFile(fd, file int, off, length int64) error {
	for end := off + length; off < end; {
		n, err := unix.Sendfile(fd, file, &off, int(min(end-off, pipeSize)))
		switch {
		case err == unix.EAGAIN:
			await(fd, unix.POLLOUT)
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return errors.New("the file has become shorter")
		}
	}
	return nil
}

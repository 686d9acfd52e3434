package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"sluice/internal/splice"
)

// fetch downloads a file in as many ranges as there are connections, several times, and discards the bytes in the kernel:
// what is measured is the server. Connections and log-ins stand before the clock starts.
func fetch(j job, _ func(string)) (answer, error) {
	fds := make([]int, j.Connections)
	for i := range fds {
		var err error
		if fds[i], err = dial(j.Address, j.Congestion); err != nil {
			return answer{}, err
		}
		if err := greet(fds[i], j); err != nil {
			return answer{}, err
		}
	}
	server, client, start := treeCPU(j.Server), ownCPU(), time.Now()
	var g errgroup.Group
	for i, fd := range fds {
		from, to := j.Size*int64(i)/int64(len(fds)), j.Size*int64(i+1)/int64(len(fds))
		g.Go(func() error {
			for range j.Times {
				if err := fetchRange(fd, j, from, to-from); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return answer{Units: j.Size * int64(j.Times), Wall: time.Since(start), Server: treeCPU(j.Server) - server, Client: ownCPU() - client}, err
}

// greet says hello where the protocol asks for it.
func greet(fd int, j job) error {
	if j.Protocol != "sluice" {
		return nil
	}
	if err := writeAll(fd, helloFrame(j.Token)); err != nil {
		return err
	}
	header, _, err := readReply(fd)
	if err != nil {
		return err
	}
	return readAll(fd, make([]byte, header))
}

func readReply(fd int) (header int, body int64, err error) {
	var b [preludeLen]byte
	if err := readAll(fd, b[:]); err != nil {
		return 0, 0, err
	}
	return parseReply(b[:])
}

func fetchRange(fd int, j job, from, length int64) error {
	switch j.Protocol {
	case "sluice":
		if err := writeAll(fd, getFrame(j.Hash, from, length)); err != nil {
			return err
		}
		header, body, err := readReply(fd)
		if err == nil && body != length {
			err = fmt.Errorf("a body of %d bytes, %d were asked for", body, length)
		}
		if err == nil {
			err = readAll(fd, make([]byte, header))
		}
		if err != nil {
			return err
		}
	case "http":
		request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: bench\r\nRange: bytes=%d-%d\r\n\r\n", j.Path, from, from+length-1)
		if err := writeAll(fd, []byte(request)); err != nil {
			return err
		}
		if _, err := readHead(fd); err != nil {
			return err
		}
	case "bare":
		request := binary.LittleEndian.AppendUint64(nil, uint64(from))
		if err := writeAll(fd, binary.LittleEndian.AppendUint64(request, uint64(length))); err != nil {
			return err
		}
	}
	return discard(fd, length)
}

func discard(fd int, length int64) error {
	for length > 0 {
		n, err := splice.Discard(fd, int(min(length, 16<<20)))
		if errors.Is(err, splice.ErrAgain) {
			await(fd, unix.POLLIN)
			continue
		}
		if err != nil {
			return err
		}
		length -= int64(n)
	}
	return nil
}

// readHead reads the head of an HTTP answer, and not a byte of what follows it. An answer other than 2xx is an error.
func readHead(fd int) (string, error) {
	b := make([]byte, 8<<10)
	for {
		await(fd, unix.POLLIN)
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_PEEK)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", errClosed
		}
		end := bytes.Index(b[:n], []byte("\r\n\r\n"))
		if end < 0 {
			if n == len(b) {
				return "", errors.New("an endless head")
			}
			time.Sleep(time.Millisecond) // the rest of it is on its way
			continue
		}
		head := b[:end+4]
		if err := readAll(fd, head); err != nil {
			return "", err
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 2")) {
			return "", fmt.Errorf("answer %q", strings.SplitN(string(head), "\r\n", 2)[0])
		}
		return string(head), nil
	}
}

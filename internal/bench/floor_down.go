package bench

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"sluice/internal/splice"
)

const pipeSize = 1 << 20

// floorDown serves ranges of one file by a bare splice loop, a thread a connection: a request is offset and length, 8
// bytes each, the reply is the bytes.
func floorDown(j job, ready func(string)) (answer, error) {
	f, err := os.Open(j.File)
	if err != nil {
		return answer{}, err
	}
	listener, address, err := listen(j.Congestion)
	if err != nil {
		return answer{}, err
	}
	pool := splice.NewPool(64<<20, pipeSize)
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
			var request [16]byte
			for readAll(fd, request[:]) == nil {
				off := int64(binary.LittleEndian.Uint64(request[:]))
				length := int64(binary.LittleEndian.Uint64(request[8:]))
				if sendRange(pool, fd, descriptor(f), off, length) != nil {
					return
				}
			}
		}()
	}
}

// sendRange splices a range of a file into a socket.
func sendRange(pool *splice.Pool, socket, file int, off, length int64) error {
	pipe, err := pool.Get()
	if err != nil {
		return err
	}
	defer pool.Put(pipe)
	for end := off + length; off < end; {
		n, err := pipe.Fill(file, off, int(min(end-off, pipeSize)))
		if err != nil {
			return err
		}
		off += int64(n)
		for pipe.Len() > 0 {
			_, err := pipe.Flush(socket, -1, pipe.Len(), off < end)
			if errors.Is(err, splice.ErrAgain) {
				await(socket, unix.POLLOUT)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// receiveRange splices length bytes of a socket into a file.
func receiveRange(pool *splice.Pool, socket, file int, off, length int64) error {
	pipe, err := pool.Get()
	if err != nil {
		return err
	}
	defer pool.Put(pipe)
	for end := off + length; off < end; {
		n, err := pipe.Fill(socket, -1, int(min(end-off, pipeSize)))
		if errors.Is(err, splice.ErrAgain) {
			await(socket, unix.POLLIN)
			continue
		}
		if err != nil {
			return err
		}
		for n > 0 {
			k, err := pipe.Flush(file, off, n, false)
			if err != nil {
				return err
			}
			off += int64(k)
			n -= k
		}
	}
	return nil
}

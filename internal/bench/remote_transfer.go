package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	fast "math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// leastUpload is the first content sent: above what travels as one request, so that it goes in chunks.
const leastUpload = 16 << 20

// transfers sends contents, each twice as long as the one before, until one takes long enough or the space is used, and
// fetches the last one as often as fits the time. None is ever named: the server frees it by itself, sooner than it would
// a deleted file.
func (m *Remote) transfers(ctx context.Context, remote *client.Remote, report *RemoteReport) error {
	size := m.Plan.first()
	f, err := memoryFile()
	if err != nil {
		return err
	}
	defer f.Close()
	var content client.Hash
	for sent := int64(0); ; size *= 2 {
		if err := renew(f, size); err != nil {
			return err
		}
		m.Watch.begin("up")
		cpu, start, done := ownCPU(), time.Now(), int64(0)
		up, err := remote.Upload(ctx, f, size, client.UploadOptions{Progress: func(n int64) {
			done += n
			m.Watch.done(done, size)
		}})
		if err != nil {
			return fmt.Errorf("up: %w", err)
		}
		content = up.Hash
		report.Up = transferred(size, time.Since(start), ownCPU()-cpu)
		sent += size
		if time.Since(start) >= m.Plan.Long || sent+2*size > m.Plan.Space {
			break
		}
	}
	m.Watch.begin("down")
	cpu, start, got := ownCPU(), time.Now(), int64(0)
	for got == 0 || time.Since(start) < m.Plan.Long {
		if err := remote.Discard(ctx, content, size, nil); err != nil {
			return fmt.Errorf("down: %w", err)
		}
		got += size
		m.Watch.done(time.Since(start).Milliseconds(), m.Plan.Long.Milliseconds())
	}
	report.Down = transferred(got, time.Since(start), ownCPU()-cpu)
	return nil
}

// first is the length of the first content.
func (p Plan) first() int64 { return min(leastUpload, p.Space) }

func transferred(bytes int64, wall, cpu time.Duration) Transfer {
	return Transfer{Bytes: bytes, Seconds: wall.Seconds(), Rate: float64(bytes) / wall.Seconds(), CPU: cpu.Seconds()}
}

// memoryFile is a file that no disk slows down.
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("sluice-bench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "memory"), nil
}

// renew fills f with bytes that no server has seen.
func renew(f *os.File, size int64) error {
	var seed [32]byte
	rand.Read(seed[:])
	random := fast.NewChaCha8(seed)
	b := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(b)) {
		n := min(size-at, int64(len(b)))
		_, _ = random.Read(b[:n]) // never fails
		if _, err := f.WriteAt(b[:n], at); err != nil {
			return err
		}
	}
	return nil
}

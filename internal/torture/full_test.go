package torture

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// TestFullDisk is D7: sixteen uploaders fill a small disk. All are refused with the code for it and nothing else, over
// connections that live on; what was acknowledged is kept; names can be deleted without a byte free; and when there is room
// again, everybody is served within a second, by the same processes.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			r := begin(t)
			r.needDisk(kind)
			size := map[string]string{"ext4": "192M", "xfs": "320M"}[kind]
			d := r.newDisk(kind, size, "")
			for n := range r.pick(1, 10) {
				if n > 0 {
					d.renew()
				}
				fillDisk(r, d, n)
			}
		})
	}
}

// fillDisk fills an empty disk twice: what was deleted in between is kept for its user, and takes room. Uploads go on to the
// last reserve, whatever administrators like to keep free.
func fillDisk(r *round, d *disk, n int) {
	r.Helper()
	s := r.newServer(filepath.Join(d.mount, "data"), 2, "--low-space", "1")
	s.start()
	base := make([]byte, client.ChunkSize+300_000)
	fill(base, r.seed)
	_, err := s.dialRemote(client.Options{Connections: 1}).Upload(context.Background(), r.fileOf(base), int64(len(base)), client.UploadOptions{})
	r.must(err)
	ballast := r.ballast(filepath.Join(d.mount, "ballast"))
	defer ballast.Close()
	for fill := range uint64(2) {
		ballast.leave(d.mount, 48<<20)
		s.fillUp(ballast, base, (2*uint64(n)+fill)<<8)
	}
	if st := s.mustStatus(); st.Deaths > 0 {
		r.Errorf("%d workers died", st.Deaths)
	}
	s.stop()
	s.checkAll("afterwards")
	s.explained()
}

// fillUp fills what is free, looks at the full disk, and makes room. What is drawn begins with the given part of the seed.
func (s *server) fillUp(ballast *ballast, base []byte, part uint64) {
	s.Helper()
	r := s.round
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var group sync.WaitGroup
	fillers := make([]*filler, 16)
	for i := range fillers {
		f := &filler{server: s, id: i, remote: s.dialRemote(client.Options{Connections: 1, Retries: -1, Timeout: 30 * time.Second}),
			random: r.random(part + uint64(i)), base: base, kept: make(map[client.Hash]int64)}
		fillers[i] = f
		group.Go(func() {
			if err := f.fill(ctx); err != nil {
				r.Error(err)
			}
		})
	}
	group.Wait()
	if r.Failed() {
		r.FailNow()
	}
	ballast.fill()
	random := r.random(99)
	left := free(r, s.data)
	var done fillCounts
	deleted, wanted := 0, 0
	remote := s.dialRemote(client.Options{Connections: 1, Retries: -1})
	for _, f := range fillers {
		done.add(f.counts)
		some := min(len(f.names), 2)
		for _, n := range f.names[:some] {
			wanted++
			if _, err := f.commit(ctx, client.Change{Op: client.OpDelete, Node: n.node, Expect: n.version}); err != nil {
				r.Fatalf("delete on a full disk (%d bytes free): %v", left, err)
			}
			deleted++
		}
		f.names = f.names[some:]
	}
	for _, f := range fillers {
		for sum := range f.kept {
			if _, err := remote.Get(ctx, sum, 0, -1, io.Discard); err != nil {
				r.Fatalf("uploader %d: a content that was acknowledged: %v", f.id, err)
			}
		}
	}
	s.mustAnswer()
	// A worker, and the whole server, must be able to start where there is no more room than the reserves had.
	victim := s.aWorker(random.IntN)
	unix.Kill(victim, unix.SIGKILL)
	s.within(startLimit, "another worker on a full disk", func() bool { return s.replaced(victim) })
	s.killAll()
	s.start()
	emptied := int64(0)
	if r.long || part&(1<<8) > 0 { // it takes seconds: a short round has it when the disk was filled twice
		emptied = s.makeRoom(ballast, fillers[0].left)
	}
	for _, f := range fillers {
		for _, n := range f.names {
			if _, err := remote.Get(ctx, n.hash, 0, -1, io.Discard); err != nil {
				r.Fatalf("uploader %d: what stands when the trash is emptied: %v", f.id, err)
			}
		}
	}
	ballast.leave(s.data, 24<<20)
	began := time.Now()
	for {
		b := make([]byte, 1000)
		fill(b, uint64(began.UnixNano()))
		_, err := remote.PutObjects(ctx, []client.Object{{Hash: client.Sum(b), Size: 1000}}, [][]byte{b})
		if err == nil {
			break
		}
		if code := client.CodeOf(err); code != client.NoSpace && code != client.OK || time.Since(began) > 10*time.Second {
			r.Fatalf("with room again, after %v: %v", time.Since(began), err)
		}
	}
	served := time.Since(began)
	for _, l := range fillers[8].left {
		fillers[8].finish(l)
	}
	r.Logf("%d contents put, %d bytes copied for changed ones, %d uploads left, %d names brought back, %d refusals; %d of %d names deleted with %d bytes free; "+
		"%d names emptied; served again after %v", done.put, done.copied, done.left, done.restored, done.refused, deleted, wanted, left, emptied, served.Round(time.Millisecond))
}

// ballast is a file that takes what room there is on a disk.
type ballast struct {
	*round
	*os.File
	size int64
}

func (r *round) ballast(path string) *ballast {
	r.Helper()
	f, err := os.Create(path)
	r.must(err)
	return &ballast{round: r, File: f}
}

// raw is the descriptor of a regular file, on which there is no mode to change.
func (b *ballast) raw(do func(fd int) error) error {
	c, err := b.SyscallConn()
	if err != nil {
		return err
	}
	if e := c.Control(func(fd uintptr) { err = do(int(fd)) }); e != nil {
		return e
	}
	return err
}

// fill takes everything.
func (b *ballast) fill() {
	b.Helper()
	for step := int64(16 << 20); step >= 4096; {
		err := b.raw(func(fd int) error { return unix.Fallocate(fd, 0, b.size, step) })
		if err == nil {
			b.size += step
			continue
		}
		if !errors.Is(err, unix.ENOSPC) {
			b.must(err)
		}
		step /= 2
	}
}

// leave makes the ballast such that about so many bytes are free.
func (b *ballast) leave(dir string, room int64) {
	b.Helper()
	b.must(b.Truncate(0))
	b.size = 0
	for range 200 { // a file system gives back what was deleted in its own time
		if free(b.round, dir) > room {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if take := free(b.round, dir) - room; take > 0 {
		b.must(b.raw(func(fd int) error { return unix.Fallocate(fd, 0, 0, take) }))
		b.size = take
	}
}

// free is how much of a disk its super user may still take.
func free(r *round, dir string) int64 {
	r.Helper()
	var st unix.Statfs_t
	r.must(unix.Statfs(dir, &st))
	return int64(st.Bfree) * st.Bsize
}

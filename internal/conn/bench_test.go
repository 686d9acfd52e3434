package conn

import (
	"os"
	"time"

	"net"
	"runtime"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/handler"
	"sluice/internal/poll"
	"sluice/internal/proto"
	"sluice/internal/splice"
)

const pingers = 16

// BenchmarkPing asks on 16 connections at once. BenchmarkEcho is its floor: the same bytes and clients, on a loop that
// knows nothing.
func BenchmarkPing(b *testing.B) {
	r := newRig(b, options{})
	r.set.trace = nil
	var clients []*client
	for range pingers {
		clients = append(clients, r.dial(false))
	}
	pingPong(b, clients)
}

func BenchmarkEcho(b *testing.B) {
	r := newRig(b, options{})
	var clients []*client
	for range pingers {
		clients = append(clients, r.echo())
	}
	b.Cleanup(func() {
		for _, c := range clients {
			c.Close()
		}
	})
	pingPong(b, clients)
}

// echo connects a client to a bare echo on the loop.
func (r *rig) echo() *client {
	near, err := net.Dial("tcp", r.ln.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	far, err := r.ln.AcceptTCP()
	if err != nil {
		r.t.Fatal(err)
	}
	raw, _ := far.SyscallConn()
	fd := -1
	_ = raw.Control(func(p uintptr) { fd, err = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 3) })
	if err != nil {
		r.t.Fatal(err)
	}
	far.Close()
	r.on(func() {
		var token poll.Token
		buf := make([]byte, 64)
		token, err = r.loop.Add(fd, poll.Read, func(poll.Ready) {
			n, err := unix.Read(fd, buf)
			if n <= 0 || err != nil {
				r.loop.Remove(token)
				unix.Close(fd)
				return
			}
			_, _ = unix.Write(fd, buf[:n])
		})
	})
	return &client{t: r.t, rig: r, TCPConn: near.(*net.TCPConn)}
}

// pingPong keeps one request in flight on every connection, by plain blocking calls on threads of their own: what the
// client costs is the same for both.
func pingPong(b *testing.B, clients []*client) {
	request := frame(proto.TypePing, 1, nil, nil)
	b.ResetTimer()
	var before, after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
	var done sync.WaitGroup
	for i, c := range clients {
		n := b.N / len(clients)
		if i < b.N%len(clients) {
			n++
		}
		done.Go(func() {
			answer := make([]byte, 64)
			for range n {
				if _, err := c.Write(request); err != nil {
					b.Error(err)
					return
				}
				for got := 0; got < len(request); {
					k, err := c.Read(answer)
					if err != nil {
						b.Error(err)
						return
					}
					got += k
				}
			}
		})
	}
	done.Wait()
	b.StopTimer()
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkIdle tells what an idle connection that has logged in keeps on the heap. The client's end is not counted.
func BenchmarkIdle(b *testing.B) {
	const many = 1000
	r := newRig(b, options{})
	r.set.trace = nil
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		var clients []*client
		for range many {
			clients = append(clients, r.logIn(false))
		}
		with := heap()
		r.on(func() {
			for c := range r.set.conns {
				c.drop()
			}
		})
		without := heap()
		b.ReportMetric(float64(with-without)/many, "server-bytes/conn")
		b.ReportMetric(float64(with-before)/many, "both-bytes/conn")
		for _, c := range slices.Backward(clients) {
			c.Close()
		}
	}
}

// BenchmarkDownload sends a large source over one connection; the client drops it. cpu-s/GiB is the loop's thread alone.
func BenchmarkDownload(b *testing.B) {
	const size = 256 << 20
	r := newRig(b, options{})
	r.set.trace = nil
	whole := r.script.file(pattern(size, 1))
	r.script.parts = func() []handler.Part {
		r.script.opened.Add(1)
		fd, err := unix.Dup(whole.Source.FD())
		if err != nil {
			b.Error(err)
		}
		return []handler.Part{{Source: &source{s: r.script, f: os.NewFile(uintptr(fd), "")}, Length: size}}
	}
	b.Cleanup(whole.Source.Release)
	c := r.logIn(false)
	c.SetReadDeadline(time.Time{})
	raw, err := c.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	before := r.threadTime()
	for b.Loop() {
		c.ask(proto.TypeGet, 1, getHeader, nil)
		for left := size + proto.PreludeLen; left > 0; {
			if err := raw.Read(func(fd uintptr) bool {
				n, err := splice.Discard(int(fd), left)
				if err != nil && err != splice.ErrAgain {
					b.Error(err)
				}
				left -= n
				return err == nil
			}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric((r.threadTime()-before).Seconds()/(float64(b.N)*size/(1<<30)), "cpu-s/GiB")
}

// BenchmarkUpload sends chunks of 8 MiB one behind the other into files; nothing verifies or syncs them.
func BenchmarkUpload(b *testing.B) {
	r := newRig(b, options{})
	r.set.trace = nil
	r.script.pieces = 1
	r.script.rows[proto.TypeUploadChunk].Finish = func(_ *handler.Service, c *handler.Call) handler.Outcome {
		r.script.owed.Add(-1)
		f := c.State.(*os.File)
		f.Close()
		os.Remove(f.Name())
		return pong
	}
	c := r.logIn(false)
	request := frame(proto.TypeUploadChunk, 1, chunkHeader(1), pattern(proto.ChunkSize, 1))
	b.SetBytes(proto.ChunkSize)
	before := r.threadTime()
	var replies sync.WaitGroup
	replies.Go(func() {
		for range b.N {
			c.reply()
		}
	})
	for range b.N {
		c.bytes(request)
	}
	replies.Wait()
	b.ReportMetric((r.threadTime()-before).Seconds()/(float64(b.N)*proto.ChunkSize/(1<<30)), "cpu-s/GiB")
}

// threadTime is the CPU time of the loop's thread.
func (r *rig) threadTime() (t time.Duration) {
	r.on(func() {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
			r.t.Error(err)
		}
		t = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	})
	return t
}

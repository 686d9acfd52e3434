package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

func fileOf(t *testing.T, b []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// sizes around every border between one way and another.
var sizes = []int{0, 1, plainBelow - 1, plainBelow, MaxObjectsBody, MaxObjectsBody + 1, 2 * ChunkSize, 2*ChunkSize + plainBelow/2}

func TestUploadAndDownload(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	for _, n := range sizes {
		b := random(n)
		f := fileOf(t, b)
		var told int64
		content, err := uploaded(r.Upload(soon(t), f, int64(n), UploadOptions{Progress: func(n int64) { told += n }}))
		if err != nil || content != Sum(b) || told != int64(n) {
			t.Fatalf("upload of %d: %v, told %d", n, err, told)
		}
		if kept, _ := s.content(content); !bytes.Equal(kept, b) {
			t.Fatalf("upload of %d: the server has other bytes", n)
		}
		told = 0
		down := fileOf(t, nil)
		if _, err := r.Download(soon(t), content, int64(n), down, DownloadOptions{Progress: func(n int64) { told += n }}); err != nil || told != int64(n) {
			t.Fatalf("download of %d: %v, told %d", n, err, told)
		}
		if got, err := os.ReadFile(down.Name()); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("download of %d: %v, other bytes", n, err)
		}
		told = 0
		if err := r.Discard(soon(t), content, int64(n), func(n int64) { told += n }); err != nil || told != int64(n) {
			t.Fatalf("discard of %d: %v, told %d", n, err, told)
		}
	}
	if stats := r.pipes.Stats(); stats.Open != stats.Idle {
		t.Errorf("%d pipes of %d are still out", stats.Open-stats.Idle, stats.Open)
	}
}

func TestUploadReader(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 2})
	for _, n := range append(sizes, 6*ChunkSize+1) {
		b := random(n)
		var told int64
		content, size, err := r.UploadReader(soon(t), io.MultiReader(bytes.NewReader(b[:n/3]), bytes.NewReader(b[n/3:])), func(n int64) { told += n })
		if err != nil || content != Sum(b) || size != int64(n) || told != int64(n) {
			t.Fatalf("%d bytes: %d, %v, told %d", n, size, err, told)
		}
		if kept, _ := s.content(content); !bytes.Equal(kept, b) {
			t.Fatalf("%d bytes: the server has others", n)
		}
	}
	broken := errors.New("broken")
	for _, n := range []int{0, 10, 2*ChunkSize + 5} {
		_, _, err := r.UploadReader(soon(t), io.MultiReader(bytes.NewReader(random(n)), failing{broken}), nil)
		if !errors.Is(err, broken) {
			t.Errorf("a reader that fails after %d: %v", n, err)
		}
	}
	for _, u := range s.uploads {
		if !u.sealed {
			t.Errorf("upload %d was left", u.id)
		}
	}
	ctx, cancel := context.WithTimeout(soon(t), 30*time.Millisecond)
	defer cancel()
	in, out := io.Pipe()
	if _, _, err := r.UploadReader(ctx, in, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a reader that never has anything: %v", err)
	}
	out.Close()
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestGet(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	for _, n := range []int{0, 1, 100_000, ChunkSize, 2*ChunkSize + 5} {
		b := random(n)
		content := s.keep(b)
		for _, row := range []struct{ offset, length int }{
			{0, -1}, {0, n}, {0, n + 1}, {0, 0}, {1, -1}, {n / 2, 10}, {n / 2, -1}, {n, -1}, {n + 5, -1}, {n + 5, 3}, {0, n - 1},
		} {
			if row.length < -1 {
				continue
			}
			want := b[min(row.offset, n):]
			if row.length >= 0 {
				want = want[:min(row.length, len(want))]
			}
			var out bytes.Buffer
			got, err := r.Get(soon(t), content, int64(row.offset), int64(row.length), &out)
			if err != nil || got != int64(len(want)) || !bytes.Equal(out.Bytes(), want) {
				t.Fatalf("%d bytes, from %d, length %d: %d, %v", n, row.offset, row.length, got, err)
			}
		}
	}
	if _, err := r.Get(soon(t), Hash{1}, 0, -1, io.Discard); CodeOf(err) != NotFound {
		t.Errorf("what is not there: %v", err)
	}
	full := errors.New("full")
	b := s.keep(random(3 * ChunkSize))
	if _, err := r.Get(soon(t), b, 0, -1, failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// One byte of one chunk differs: nothing passes as good.
func TestWrongBytesInTheMiddle(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := random(3 * ChunkSize)
	content := Sum(b)
	b[ChunkSize+100] ^= 1
	s.mu.Lock()
	s.contents[content] = b
	s.mu.Unlock()
	if _, err := r.Download(soon(t), content, int64(len(b)), fileOf(t, nil), DownloadOptions{}); !errors.Is(err, ErrIntegrity) {
		t.Errorf("download: %v", err)
	}
	if _, err := r.Get(soon(t), content, 0, -1, io.Discard); !errors.Is(err, ErrIntegrity) {
		t.Errorf("get: %v", err)
	}
	if _, err := r.Download(soon(t), content, int64(len(b))+ChunkSize, fileOf(t, nil), DownloadOptions{}); !errors.Is(err, ErrIntegrity) {
		t.Errorf("download of another size: %v", err)
	}
}

// Connections are lost in the middle of bodies, both ways, again and again.
func TestTransfersSurviveLostConnections(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := random(6*ChunkSize + 1)
	var chunks, gets atomic.Int32
	s.on(proto.TypeUploadChunk, func(q *request) {
		if n := chunks.Add(1); n%3 == 1 && n < 12 {
			io.CopyN(io.Discard, q.in, int64(q.prelude.BodyLen/8))
			q.end = true
			return
		}
		q.normal()
	})
	s.on(proto.TypeGet, func(q *request) {
		if n := gets.Add(1); n%3 == 1 && n < 12 {
			h := q.header.(*proto.Get)
			all := q.frame(0, (&proto.GetReply{Size: int64(len(b))}).Append(nil), b[h.Offset:h.Offset+h.Length])
			q.conn.Write(all[:len(all)/2])
			q.end = true
			return
		}
		q.normal()
	})
	content, err := uploaded(r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{}))
	if err != nil || content != Sum(b) {
		t.Fatalf("upload: %v", err)
	}
	f := fileOf(t, nil)
	if _, err := r.Download(soon(t), content, int64(len(b)), f, DownloadOptions{}); err != nil {
		t.Fatalf("download: %v", err)
	}
	if got, _ := os.ReadFile(f.Name()); !bytes.Equal(got, b) {
		t.Error("other bytes")
	}
	var out bytes.Buffer
	gets.Store(0)
	if _, err := r.Get(soon(t), content, 0, -1, &out); err != nil || !bytes.Equal(out.Bytes(), b) {
		t.Errorf("get: %v", err)
	}
}

// A chunk that another request has a claim on comes last.
func TestBusyChunk(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	b := random(6 * ChunkSize)
	var mu sync.Mutex
	var order []int64
	s.on(proto.TypeUploadChunk, func(q *request) {
		index := q.header.(*proto.UploadChunk).Index
		mu.Lock()
		order = append(order, index)
		mu.Unlock()
		if index == 0 && len(order) < 4 {
			q.body()
			q.refuse(proto.Busy)
			return
		}
		q.normal()
	})
	if content, err := uploaded(r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{})); err != nil || content != Sum(b) {
		t.Fatal(err)
	}
	if n := len(order); n < 7 || !slices.Contains(order[n-r.senders():], 0) { // those before which it stood were on their way
		t.Errorf("order %v", order)
	}
}

// The server lost a chunk after it had taken it: the seal tells, and only that chunk is sent again.
func TestSealMissesChunk(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := random(4 * ChunkSize)
	var once sync.Once
	s.on(proto.TypeUploadSeal, func(q *request) {
		once.Do(func() {
			s.mu.Lock()
			delete(s.upload(q.header.(*proto.UploadSeal).Upload).chunks, 2)
			s.mu.Unlock()
		})
		q.normal()
	})
	var told int64
	content, err := uploaded(r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{Progress: func(n int64) { told += n }}))
	if err != nil || content != Sum(b) || told != int64(len(b)) {
		t.Fatalf("%v, told %d", err, told)
	}
	if n := s.count(proto.TypeUploadChunk); n != 5 {
		t.Errorf("%d chunks were sent", n)
	}
}

// A file that is written to while it is sent ends in ErrChanged, whichever way it shows.
func TestChangedFile(t *testing.T) {
	for name, change := range map[string]func(f *os.File) error{
		"grows":     func(f *os.File) error { _, err := f.WriteAt([]byte("more"), 3*ChunkSize); return err },
		"shrinks":   func(f *os.File) error { return f.Truncate(100) },
		"rewritten": func(f *os.File) error { _, err := f.WriteAt(make([]byte, 2*ChunkSize), ChunkSize/2); return err },
		"touched": func(f *os.File) error {
			return unix.Utimes(f.Name(), []unix.Timeval{{Sec: 1}, {Sec: 1}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			r := s.dial(Options{Connections: 1})
			f := fileOf(t, random(3*ChunkSize))
			var once sync.Once
			s.on(proto.TypeUploadChunk, func(q *request) {
				once.Do(func() {
					if err := change(f); err != nil {
						t.Error(err)
					}
				})
				q.normal()
			})
			_, err := r.Upload(soon(t), f, 3*ChunkSize, UploadOptions{})
			if !errors.Is(err, ErrChanged) || ExitCode(err) != ExitSomeFailed {
				t.Errorf("%v", err)
			}
			if s.count(proto.TypeUploadSeal) != 0 {
				t.Error("sealed")
			}
			if err := r.Ping(soon(t)); err != nil {
				t.Errorf("ping after it: %v", err)
			}
		})
	}
	s := newServer(t)
	r := s.dial(Options{})
	if _, err := r.Upload(soon(t), fileOf(t, random(100)), 101, UploadOptions{}); !errors.Is(err, ErrChanged) {
		t.Errorf("another size than was seen: %v", err)
	}
}

// What stops an upload for good stops it soon, and its code is told.
func TestUploadRefused(t *testing.T) {
	for _, row := range []struct {
		kind proto.Type
		code Code
	}{
		{proto.TypeUploadOpen, OverQuota},
		{proto.TypeUploadChunk, NoSpace},
		{proto.TypeUploadChunk, HashMismatch},
		{proto.TypeUploadSeal, HashMismatch},
		{proto.TypePutObjects, OverQuota},
	} {
		t.Run(fmt.Sprint(row.kind, "-", row.code), func(t *testing.T) {
			s := newServer(t)
			r := s.dial(Options{})
			s.on(row.kind, func(q *request) {
				q.body()
				q.refuse(row.code)
			})
			n := 2*ChunkSize + 5
			if row.kind == proto.TypePutObjects {
				n = 100
			}
			if _, err := r.Upload(soon(t), fileOf(t, random(n)), int64(n), UploadOptions{}); CodeOf(err) != row.code {
				t.Errorf("%v", err)
			}
			if _, _, err := r.UploadReader(soon(t), bytes.NewReader(random(n)), nil); CodeOf(err) != row.code {
				t.Errorf("from a reader: %v", err)
			}
		})
	}
}

func TestCancelTransfers(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := random(6 * ChunkSize)
	content := s.keep(b)
	stuck := make(chan struct{})
	s.on(proto.TypeUploadChunk, func(q *request) { <-stuck; q.end = true })
	s.on(proto.TypeGet, func(q *request) {
		h := q.header.(*proto.Get)
		all := q.frame(0, (&proto.GetReply{Size: int64(len(b))}).Append(nil), b[h.Offset:h.Offset+h.Length])
		q.conn.Write(all[:len(all)/2])
		<-stuck
		q.end = true
	})
	for name, call := range map[string]func(context.Context) error{
		"upload": func(ctx context.Context) error {
			_, err := r.Upload(ctx, fileOf(t, random(len(b))), int64(len(b)), UploadOptions{})
			return err
		},
		"upload from a reader": func(ctx context.Context) error {
			_, _, err := r.UploadReader(ctx, bytes.NewReader(b), nil)
			return err
		},
		"download": func(ctx context.Context) error {
			_, err := r.Download(ctx, content, int64(len(b)), fileOf(t, nil), DownloadOptions{})
			return err
		},
		"get": func(ctx context.Context) error { _, err := r.Get(ctx, content, 0, -1, io.Discard); return err },
	} {
		ctx, cancel := context.WithCancel(soon(t))
		time.AfterFunc(100*time.Millisecond, cancel)
		began := time.Now()
		err := call(ctx)
		if !errors.Is(err, context.Canceled) || ExitCode(err) != ExitInterrupted || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
	}
	close(stuck)
}

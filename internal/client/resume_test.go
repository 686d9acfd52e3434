package client

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/proto"
)

// An upload that was interrupted goes on in another run of the program; nothing that was finished is sent again.
func TestUploadGoesOn(t *testing.T) {
	s := newServer(t)
	b := random(6*ChunkSize + 5)
	f := fileOf(t, b)
	ctx, cancel := context.WithCancel(soon(t))
	var taken atomic.Int64
	s.on(proto.TypeUploadChunk, func(q *request) {
		if taken.Add(1) > 3 {
			cancel()
			<-ctx.Done()
			q.end = true
			return
		}
		q.normal()
	})
	first := s.dial(Options{Connections: 1})
	if _, err := first.Upload(ctx, f, int64(len(b)), nil); err == nil {
		t.Fatal("it was not interrupted")
	}
	first.Close()
	kept := func() (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, u := range s.uploads {
			n += len(u.chunks)
		}
		return n
	}
	had, sent := kept(), s.count(proto.TypeUploadChunk)
	if had != 3 {
		t.Fatalf("%d chunks were kept", had)
	}
	s.on(proto.TypeUploadChunk, func(q *request) { q.normal() })
	var told int64
	again := s.dial(Options{})
	content, err := again.Upload(soon(t), f, int64(len(b)), func(n int64) { told += n })
	if err != nil || content != Sum(b) || told != int64(len(b)) {
		t.Fatalf("%v, told %d", err, told)
	}
	if n := s.count(proto.TypeUploadChunk) - sent; n != 7-had {
		t.Errorf("%d chunks were sent in the second run, %d were missing", n, 7-had)
	}

	// Interrupted between seal and name: only the question travels.
	sent = s.count(proto.TypeUploadChunk)
	told = 0
	content, err = again.Upload(soon(t), f, int64(len(b)), func(n int64) { told += n })
	if err != nil || content != Sum(b) || told != int64(len(b)) || s.count(proto.TypeUploadChunk) != sent {
		t.Errorf("%v, told %d, %d chunks were sent", err, told, s.count(proto.TypeUploadChunk)-sent)
	}

	// The same key, but the content is gone from the server: all is sent under another.
	s.mu.Lock()
	clear(s.contents)
	s.mu.Unlock()
	if content, err = again.Upload(soon(t), f, int64(len(b)), nil); err != nil || content != Sum(b) {
		t.Error(err)
	}
	if n := s.count(proto.TypeUploadChunk) - sent; n != 7 {
		t.Errorf("%d chunks were sent", n)
	}
}

// A file that looks like the one that was begun with, and is another, is sent whole and right.
func TestUploadOfAnotherFile(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := random(3 * ChunkSize)
	f := fileOf(t, b)
	before, err := identify(f)
	if err != nil {
		t.Fatal(err)
	}
	other := random(3*ChunkSize - 1)
	s.mu.Lock()
	s.uploads[r.resumeKey(before)] = &partial{id: 99, size: int64(len(b)), chunks: map[int64][]byte{0: other[:ChunkSize]}}
	s.mu.Unlock()
	content, err := r.Upload(soon(t), f, int64(len(b)), nil)
	if err != nil || content != Sum(b) {
		t.Fatal(err)
	}
	if n := s.count(proto.TypeUploadChunk); n != 5 {
		t.Errorf("%d chunks were sent, 2 and then all 3 were right", n)
	}
}

// The key tells every change of the file, and one device from another.
func TestResumeKey(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	f := fileOf(t, []byte("one"))
	seen := map[Key]string{}
	look := func(what string, f *os.File) {
		at, err := identify(f)
		if err != nil {
			t.Fatal(err)
		}
		key := r.resumeKey(at)
		if again := r.resumeKey(at); again != key {
			t.Errorf("%s: two keys", what)
		}
		if before, found := seen[key]; found {
			t.Errorf("%s has the key of %s", what, before)
		}
		seen[key] = what
	}
	look("the file", f)
	look("another file", fileOf(t, []byte("one")))
	time.Sleep(20 * time.Millisecond) // the kernel's clock for files has ticks
	if err := os.Chmod(f.Name(), 0o640); err != nil {
		t.Fatal(err)
	}
	look("another mode", f)
	if err := os.Rename(f.Name(), filepath.Join(t.TempDir(), "x")); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.hello.Device++
	r.mu.Unlock()
	look("another device", f)
}

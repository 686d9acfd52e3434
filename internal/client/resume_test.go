package client

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// begun puts an unfinished upload on the server: of the file b, with these chunks of another of the same size and probe.
func (s *server) begun(b, other []byte, chunks ...int64) *partial {
	p, err := hash.ReadProbe(fileOf(s.t, b), int64(len(b)))
	if err != nil {
		s.t.Fatal(err)
	}
	w := wireProbe(&p)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.begin(&proto.UploadOpen{Key: NewKey(), Size: int64(len(b)), Probe: &w})
	for _, i := range chunks {
		u.chunks[i] = other[i*ChunkSize : min((i+1)*ChunkSize, int64(len(other)))]
	}
	return u
}

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
	if _, err := first.Upload(ctx, f, int64(len(b)), UploadOptions{}); err == nil {
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
	var told, begun int64
	again := s.dial(Options{Token: "of another device"})
	got, err := again.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{
		Progress: func(n int64) { told += n },
		Begun:    func(upload int64) { begun = upload },
	})
	if err != nil || got.Hash != Sum(b) || told != int64(len(b)) || begun != 1 {
		t.Fatalf("%v, told %d, upload %d", err, told, begun)
	}
	if n := s.count(proto.TypeUploadChunk) - sent; n != 7-had {
		t.Errorf("%d chunks were sent in the second run, %d were missing", n, 7-had)
	}
	if got.Found != 3*ChunkSize || got.Sent != 3*ChunkSize+5 || got.Instant {
		t.Errorf("it tells %+v", got)
	}

	// Interrupted between seal and name: only questions travel.
	sent, told = s.count(proto.TypeUploadChunk), 0
	got, err = again.Upload(soon(t), f, int64(len(b)), UploadOptions{Progress: func(n int64) { told += n }})
	if err != nil || got.Hash != Sum(b) || !got.Instant || told != int64(len(b)) || s.count(proto.TypeUploadChunk) != sent {
		t.Errorf("%v, told %d, %d chunks were sent", err, told, s.count(proto.TypeUploadChunk)-sent)
	}

	// The content is gone from the server: all is sent.
	s.mu.Lock()
	clear(s.contents)
	s.mu.Unlock()
	if got, err = again.Upload(soon(t), f, int64(len(b)), UploadOptions{HashFirst: true}); err != nil || got.Hash != Sum(b) || got.Instant {
		t.Error(err)
	}
	if n := s.count(proto.TypeUploadChunk) - sent; n != 7 {
		t.Errorf("%d chunks were sent", n)
	}
}

// A file that looks like those that were begun, and is another, is sent whole and right, and finds what it had begun itself.
func TestUploadOfAnotherFile(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := random(4 * ChunkSize)
	other := slices.Clone(b)
	other[ChunkSize+5]++
	s.begun(b, other, 0, 1)
	s.begun(b, other, 1)
	s.begun(b, b, 0, 2)
	got, err := r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{})
	if err != nil || got.Hash != Sum(b) || got.Sent != 2*ChunkSize {
		t.Errorf("%+v, %v", got, err)
	}

	// Another device fills the same upload with a file that differs where nothing was sent yet.
	last := slices.Clone(b)
	last[2*ChunkSize+5]++
	u := s.begun(last, b, 0)
	var once sync.Once
	s.on(proto.TypeUploadChunk, func(q *request) {
		once.Do(func() {
			s.mu.Lock()
			for i := range int64(4) {
				u.chunks[i] = b[i*ChunkSize : (i+1)*ChunkSize]
			}
			s.mu.Unlock()
		})
		q.normal()
	})
	got, err = r.Upload(soon(t), fileOf(t, last), int64(len(last)), UploadOptions{})
	if err != nil || got.Hash != Sum(last) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A content like one that is there is hashed before anything is sent, and sent if it is another.
func TestUploadLikeAnother(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b := random(3 * ChunkSize)
	s.keep(slices.Clone(b))
	got, err := r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{})
	if err != nil || !got.Instant || got.Hash != Sum(b) || s.count(proto.TypeUploadOpen) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	b[ChunkSize+5]++
	got, err = r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{})
	if err != nil || got.Instant || got.Hash != Sum(b) || got.Sent != 64<<10 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Two devices fill an upload together: each chunk travels about once, the second to seal finds the content there.
func TestUploadTogether(t *testing.T) {
	s := newServer(t)
	b := random(8 * ChunkSize)
	seals := make(chan struct{})
	s.on(proto.TypeUploadSeal, func(q *request) { // both have all when the first is let through
		if s.count(proto.TypeUploadSeal) == 2 {
			close(seals)
		}
		<-seals
		q.normal()
	})
	s.begun(b, b, 3)
	var group sync.WaitGroup
	var sent atomic.Int64
	for range 2 {
		r := s.dial(Options{Connections: 1})
		group.Go(func() {
			got, err := r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{})
			if err != nil || got.Hash != Sum(b) || got.Instant {
				t.Errorf("%+v, %v", got, err)
			}
			sent.Add(got.Sent)
		})
	}
	group.Wait()
	if n := s.count(proto.TypeHave); n != 1 {
		t.Errorf("%d asked whether it is there", n)
	}
}

// An upload that was ended meanwhile, by a sweep or a person, begins anew without being hashed again.
func TestUploadEnded(t *testing.T) {
	s := newServer(t)
	b := random(4 * ChunkSize)
	var once sync.Once
	s.on(proto.TypeUploadChunk, func(q *request) {
		once.Do(func() {
			s.mu.Lock()
			s.uploads[0].sealed = true // as good as gone
			s.mu.Unlock()
		})
		q.normal()
	})
	r := s.dial(Options{Connections: 1})
	got, err := r.Upload(soon(t), fileOf(t, b), int64(len(b)), UploadOptions{})
	if err != nil || got.Hash != Sum(b) {
		t.Fatalf("%+v, %v", got, err)
	}
}

package store

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"sluice/internal/hash"
)

func TestUpload(t *testing.T) {
	big := bytesOf(7, 2*ChunkSize+12345)
	for _, test := range []struct {
		name    string
		content []byte
		open    bool
		order   []int64
	}{
		{"three chunks", big, false, []int64{2, 0, 1}},
		{"three chunks, open size", big, true, []int64{1, 2, 0}},
		{"two whole chunks", big[:2*ChunkSize], false, []int64{1, 0}},
		{"one chunk", big[:1000], false, []int64{0}},
		{"one whole chunk, open", big[:ChunkSize], true, []int64{0}},
		{"empty", nil, false, nil},
		{"empty, open", nil, true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := newFolder(t, 0)
			s := openSlot(t, data, 0, nil)
			other := openSlot(t, data, 1, nil) // chunks may come to any worker
			w := account(t, s, "ann")
			size := int64(len(test.content))
			opened := size
			if test.open {
				opened = -1
			}
			u := openUpload(t, s, w, opened)
			sum := hash.Sum(test.content)
			if size > 0 {
				if _, err := s.UploadSeal(w, newOnce(14), u, size, sum, nil); !errors.Is(err, ErrNotUploaded) {
					t.Errorf("sealed too early: %v", err)
				}
			}
			for i, index := range test.order {
				if err := chunk([]*Store{s, other}[i%2], w, u, index, test.content); err != nil {
					t.Fatal(err)
				}
			}
			there, err := other.UploadPresent(w, u)
			if err != nil || there.Size != opened || len(there.Chunks) != len(test.order) || len(there.Hints) != 8*len(test.order) {
				t.Error(there, err)
			}
			if _, err := s.Find(w, sum); err != ErrNotFound {
				t.Errorf("found before the seal: %v", err)
			}
			wrong := sum
			wrong[0] ^= 1
			if _, err := s.UploadSeal(w, newOnce(14), u, size, wrong, nil); !errors.Is(err, ErrHash) {
				t.Errorf("sealed as another: %v", err)
			}
			key := newOnce(14)
			for range 2 { // the second is a repetition
				if raw, err := other.UploadSeal(w, key, u, size, sum, []byte("done")); err != nil || string(raw) != "done" {
					t.Fatal(string(raw), err)
				}
			}
			if _, err := s.UploadPresent(w, u); err != ErrNotFound {
				t.Errorf("sealed, and still an upload: %v", err)
			}
			wantContents(t, s, w, test.content)
			if held := usage(t, s, w); held != size {
				t.Errorf("charged %d for %d", held, size)
			}
			s.files.close()
			if n := filesOpen(t, data); n != 0 {
				t.Errorf("%d files open", n)
			}
			if size > 0 {
				audit(t, data, true)
			}
		})
	}
}

func TestChunkClaims(t *testing.T) {
	data := newFolder(t, 0)
	stores := []*Store{openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)}
	s, w := stores[0], account(t, stores[0], "ann")
	content := bytesOf(3, 2*ChunkSize)
	first := content[:ChunkSize]
	value := hash.ChunkValue(first, 0)
	u := openUpload(t, s, w, int64(len(content)))

	c, err := s.ChunkBegin(w, u, 0, ChunkSize, value)
	if err != nil || c.Present() {
		t.Fatal(err)
	}
	for _, other := range stores {
		if _, err := other.ChunkBegin(w, u, 0, ChunkSize, value); !errors.Is(err, ErrBusy) {
			t.Errorf("claimed twice: %v", err)
		}
		if _, err := other.UploadSeal(w, newOnce(14), u, int64(len(content)), hash.Sum(content), nil); !errors.Is(err, ErrBusy) {
			t.Errorf("sealed while a chunk arrives: %v", err)
		}
		next, err := other.ChunkBegin(w, u, 1, ChunkSize, hash.ChunkValue(content[ChunkSize:], 1))
		if err != nil {
			t.Fatalf("another chunk: %v", err)
		}
		next.Abort()
	}
	// Wrong bytes: refused, and free for the next.
	if err := fill([]Piece{c.Piece()}, make([]byte, ChunkSize)); err != nil {
		t.Fatal(err)
	}
	if err := c.Finish(); !errors.Is(err, ErrHash) {
		t.Errorf("%v", err)
	}
	if err := chunk(stores[1], w, u, 0, content); err != nil {
		t.Fatal(err)
	}
	// Present: the same value is welcome, another is not.
	c, err = s.ChunkBegin(w, u, 0, ChunkSize, value)
	if err != nil || !c.Present() {
		t.Fatal(err)
	}
	if err := c.Finish(); err != nil {
		t.Error(err)
	}
	if _, err := s.ChunkBegin(w, u, 0, ChunkSize, [32]byte{1}); !errors.Is(err, ErrDiffers) {
		t.Errorf("%v", err)
	}
	if n := filesOpen(t, data); n != 0 {
		t.Errorf("%d files open", n)
	}
	if n := len(s.uploads.of) + len(stores[1].uploads.of); n != 0 {
		t.Errorf("%d turns left", n)
	}
}

func TestChunkOutOfRange(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	known, open := openUpload(t, s, w, ChunkSize+10), openUpload(t, s, w, -1)
	for _, test := range []struct {
		upload, index, length int64
		want                  error
	}{
		{known, 0, 10, ErrRange},
		{known, 1, 11, ErrRange},
		{known, 1, 0, ErrRange},
		{known, 2, 1, ErrRange},
		{known, -1, ChunkSize, ErrRange},
		{known, 1 << 60, ChunkSize, ErrRange},
		{open, 0, ChunkSize + 1, ErrRange},
		{open, uploadChunks, 1, ErrRange},
		{open + 1, 0, 1, ErrNotFound},
		{0, 0, 1, ErrNotFound},
		{-1, 0, 1, ErrNotFound},
	} {
		if _, err := s.ChunkBegin(w, test.upload, test.index, test.length, [32]byte{}); !errors.Is(err, test.want) {
			t.Errorf("%+v: %v", test, err)
		}
	}
	for _, size := range []int64{-2, uploadChunks*ChunkSize + 1, 1 << 62} {
		if _, err := s.UploadOpen(w, newOnce(12), Opening{Size: size}, numberReply); !errors.Is(err, ErrRange) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func TestUploadIsItsAccountsOnly(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	content := bytesOf(1, 5000)
	u := openUpload(t, s, ann, 5000)
	if err := chunk(s, bob, u, 0, content); err != ErrNotFound {
		t.Error(err)
	}
	if _, err := s.UploadPresent(bob, u); err != ErrNotFound {
		t.Error(err)
	}
	if _, err := s.UploadSeal(bob, newOnce(14), u, 5000, hash.Sum(content), nil); err != ErrNotFound {
		t.Error(err)
	}
}

func TestUploadOpenRepeated(t *testing.T) {
	data := newFolder(t, 10000)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	key := newOnce(12)
	first, err := s.UploadOpen(w, key, Opening{Size: 6000}, numberReply)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.UploadOpen(w, key, Opening{Size: 6000}, numberReply)
	if err != nil || !bytes.Equal(first, again) {
		t.Error(string(again), err)
	}
	if usage(t, s, w) != 6000 {
		t.Errorf("charged %d", usage(t, s, w))
	}
	other := key
	other.Request[0]++
	if _, err := s.UploadOpen(w, other, Opening{Size: 6000}, numberReply); err != ErrKeyReused {
		t.Error(err)
	}
	if _, err := s.UploadOpen(w, newOnce(12), Opening{Size: 6000}, numberReply); err != ErrQuota {
		t.Error(err)
	}
	audit(t, data, true)
}

// An upload of open size is charged as it grows, to the byte, from however many requests.
func TestOpenUploadQuota(t *testing.T) {
	const fit = 3
	content := bytesOf(9, 8*ChunkSize)
	data := newFolder(t, fit*ChunkSize+100)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	u := openUpload(t, s, w, -1)
	var group sync.WaitGroup
	for i := range int64(8) {
		group.Go(func() {
			if err := chunk(s, w, u, i, content); err != nil && !errors.Is(err, ErrQuota) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if held := usage(t, s, w); held != fit*ChunkSize {
		t.Errorf("charged %d, %d fit", held, fit*ChunkSize)
	}
}

// Two uploads of the same content sealed at once: one content, the other's file goes.
func TestTwinSeals(t *testing.T) {
	data := newFolder(t, 0)
	stores := []*Store{openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)}
	w := account(t, stores[0], "ann")
	content := bytesOf(5, ChunkSize+777)
	size := int64(len(content))
	var uploads []int64
	for _, s := range stores {
		u := openUpload(t, s, w, size)
		uploads = append(uploads, u)
		for i := range int64(2) {
			if err := chunk(s, w, u, i, content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if held := usage(t, stores[0], w); held != 2*size {
		t.Errorf("charged %d", held)
	}
	keys := []Once{newOnce(14), newOnce(14)}
	var group sync.WaitGroup
	for i, s := range stores {
		group.Go(func() {
			if _, err := s.UploadSeal(w, keys[i], uploads[i], size, hash.Sum(content), nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	wantContents(t, stores[1], w, content)
	if held := usage(t, stores[0], w); held != size {
		t.Errorf("charged %d for %d", held, size)
	}
	audit(t, data, true)
}

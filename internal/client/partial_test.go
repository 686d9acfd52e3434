package client

import (
	"bytes"
	"os"
	"testing"

	"sluice/internal/proto"
)

// What an interrupted download has left is gone on with; what lies there and is something else costs a second try, never
// a wrong file.
func TestDownloadGoesOn(t *testing.T) {
	data := random(4*ChunkSize + 777)
	size := int64(len(data))
	for _, c := range []struct {
		name  string
		lay   func(f *os.File)
		found int64
		gets  int
	}{
		{"nothing", func(*os.File) {}, 0, 5},
		{"two chunks", func(f *os.File) {
			must(t, f.Truncate(size))
			put(t, f, data, 0, ChunkSize)
			put(t, f, data, 3*ChunkSize, 4*ChunkSize)
		}, 2 * ChunkSize, 3},
		{"the end", func(f *os.File) { put(t, f, data, 4*ChunkSize, size) }, 777, 4},
		{"a chunk with a hole", func(f *os.File) {
			must(t, f.Truncate(size))
			put(t, f, data, 0, ChunkSize/2+5)
			put(t, f, data, ChunkSize, 2*ChunkSize)
		}, ChunkSize + ChunkSize/2 + 4096 - unsure, 4},
		{"a chunk without its start", func(f *os.File) {
			must(t, f.Truncate(size))
			put(t, f, data, 1<<20, ChunkSize)
		}, 0, 5},
		{"all", func(f *os.File) { put(t, f, data, 0, size) }, size, 0},
		{"shorter", func(f *os.File) { put(t, f, data, 0, 2*ChunkSize+5) }, 2 * ChunkSize, 3},
		{"longer", func(f *os.File) {
			put(t, f, data, 0, size)
			_, err := f.WriteAt([]byte("and more"), size)
			must(t, err)
		}, size, 0},
		{"something else", func(f *os.File) {
			_, err := f.WriteAt(bytes.Repeat([]byte("x"), 2*ChunkSize), 0)
			must(t, err)
		}, 0, 3 + 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			r := s.dial(Options{})
			content := s.keep(data)
			f := fileOf(t, nil)
			c.lay(f)
			var told int64
			got, err := r.Download(soon(t), content, size, f, DownloadOptions{Resume: true, Progress: func(n int64) { told += n }})
			if err != nil || !bytes.Equal(contentOf(t, f), data) {
				t.Fatalf("%v, or other bytes", err)
			}
			if got.Found != c.found || told != size {
				t.Errorf("%+v, told of %d", got, told)
			}
			if n := s.count(proto.TypeGet); n != c.gets {
				t.Errorf("%d ranges were fetched, not %d", n, c.gets)
			}
		})
	}
}

func put(t *testing.T, f *os.File, data []byte, from, to int64) {
	t.Helper()
	_, err := f.WriteAt(data[from:to], from)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

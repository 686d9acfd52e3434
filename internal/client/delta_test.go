package client

import (
	"bytes"
	"math"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/delta"
	"sluice/internal/proto"
)

func TestUploadNewer(t *testing.T) {
	const block = delta.LeastBlock
	old := random(2*ChunkSize + 777)
	noise := random(5*block + 7)
	touched := slices.Clone(old)
	for _, at := range []int{block/2 + 5, ChunkSize + 7*block/2} {
		touched[at]++
	}
	for _, c := range []struct {
		name string
		file []byte
		sent int64 // at most
		most int   // chunks that are made twice, as a guess was wrong, at most
	}{
		{"inserted", slices.Concat(old[:70_000], noise, old[70_000:]), int64(len(noise)) + 2*block, 0},
		{"cut out", slices.Concat(old[:70_000], old[300_001:]), 2 * block, 0},
		{"appended", slices.Concat(old, noise), int64(len(noise)) + block, 0},
		{"cut at the end", old[:ChunkSize+99], block, 0},
		{"turned round", slices.Concat(old[ChunkSize:], old[:ChunkSize]), 2 * block, 0},
		{"a byte here and there", append(slices.Clone(touched), 1), 4 * block, 4},
		{"a byte here and there, of the same size", touched, 3 * block, 3},
		{"another", random(2*ChunkSize + 1), 2*ChunkSize + 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			r := s.dial(Options{})
			older := Known{s.keep(slices.Clone(old)), int64(len(old))}
			var told int64
			got, err := r.Upload(soon(t), fileOf(t, c.file), int64(len(c.file)), UploadOptions{Older: older, Progress: func(n int64) { told += n }})
			if err != nil || got.Hash != Sum(c.file) {
				t.Fatalf("%+v, %v", got, err)
			}
			if got.Sent > c.sent || told != int64(len(c.file)) || c.most == 0 && got.Sent+got.Copied+got.Zeros != told {
				t.Errorf("%d bytes: %+v, at most %d new, told of %d", len(c.file), got, c.sent, told)
			}
			if n := s.count(proto.TypeAssemble) + s.count(proto.TypeUploadChunk) - int(proto.Chunks(int64(len(c.file)))); n > c.most {
				t.Errorf("%d chunks were made again", n)
			}
			// And the other way.
			down := fileOf(t, bytes.Repeat([]byte("x"), 100))
			back, err := r.Download(soon(t), got.Hash, int64(len(c.file)), down, DownloadOptions{Older: fileOf(t, old)})
			if err != nil || !bytes.Equal(contentOf(t, down), c.file) {
				t.Errorf("download: %+v, %v, or other bytes", back, err)
			}
			if missing := int64(len(c.file)) - back.Copied; missing > c.sent {
				t.Errorf("download: %+v, at most %d new", back, c.sent)
			}
		})
	}
}

func contentOf(t *testing.T, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A content that goes away while chunks are made of it is sent.
func TestUploadNewerOfWhatGoes(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	old := random(3 * ChunkSize)
	older := Known{s.keep(old), int64(len(old))}
	s.on(proto.TypeAssemble, func(q *request) {
		q.body()
		q.refuse(NotFound)
	})
	file := slices.Concat([]byte("new"), old)
	got, err := r.Upload(soon(t), fileOf(t, file), int64(len(file)), UploadOptions{Older: older})
	if err != nil || got.Hash != Sum(file) || got.Copied != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// So is one of which the sums of whole blocks are not told any more, as it went away after its blocks were.
func TestUploadNewerOfWhatGoesBeforeItsSums(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	old := random(2*ChunkSize + 5)
	older := Known{s.keep(old), int64(len(old))}
	s.on(proto.TypeSignature, func(q *request) {
		if q.header.(*proto.SignatureRequest).Sums {
			q.refuse(NotFound)
			return
		}
		q.normal()
	})
	file := slices.Clone(old)
	file[ChunkSize/2]++ // of the same size: whole blocks are compared from the start
	got, err := r.Upload(soon(t), fileOf(t, file), int64(len(file)), UploadOptions{Older: older})
	if err != nil || got.Hash != Sum(file) || got.Sent != int64(len(file)) || got.Copied != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if n := s.count(proto.TypeAssemble); n > 0 {
		t.Errorf("%d chunks were to be made of what is gone", n)
	}
}

// One that is not there in the first place is as if there were none.
func TestUploadNewerOfNothing(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	file := random(2 * ChunkSize)
	got, err := r.Upload(soon(t), fileOf(t, file), int64(len(file)), UploadOptions{Older: Known{Hash{1}, 3 * ChunkSize}})
	if err != nil || got.Hash != Sum(file) || got.Sent != int64(len(file)) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A server whose signatures are wrong costs time, and nothing else.
func TestDownloadWithWrongSignatures(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	b, other := random(2*ChunkSize+5), random(2*ChunkSize + 6)[1:]
	content := s.keep(slices.Clone(b))
	lie := s.keep(slices.Clone(other))
	s.on(proto.TypeSignature, func(q *request) {
		q.header.(*proto.SignatureRequest).Hash = lie
		q.normal()
	})
	down := fileOf(t, nil)
	got, err := r.Download(soon(t), content, int64(len(b)), down, DownloadOptions{Older: fileOf(t, other)})
	if err != nil || got.Copied != 0 || !bytes.Equal(contentOf(t, down), b) {
		t.Errorf("%+v, %v, or other bytes", got, err)
	}
}

// Holes travel in neither direction, and are holes again where they arrive.
func TestSparse(t *testing.T) {
	const size = 5*ChunkSize + 12345
	f := fileOf(t, nil)
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	data := random(100 << 10)
	for _, at := range []int64{0, ChunkSize - 50<<10, 3*ChunkSize + 8<<10, size - 1000} {
		if _, err := f.WriteAt(data[:min(int64(len(data)), size-at)], at); err != nil {
			t.Fatal(err)
		}
	}
	whole := contentOf(t, f)
	holes, err := holesOf(f, size)
	if err != nil || len(holes) < 3 {
		t.Skipf("no holes here: %v, %v", holes, err)
	}
	s := newServer(t)
	r := s.dial(Options{})
	got, err := r.Upload(soon(t), f, size, UploadOptions{})
	if err != nil || got.Hash != Sum(whole) || got.Sent > 500<<10 || got.Sent+got.Zeros != size {
		t.Fatalf("%+v, %v", got, err)
	}
	down := fileOf(t, nil)
	back, err := r.Download(soon(t), got.Hash, size, down, DownloadOptions{})
	if err != nil || back.Zeros < size-500<<10 || !bytes.Equal(contentOf(t, down), whole) {
		t.Fatalf("%+v, %v, or other bytes", back, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(down.Name(), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("%d bytes on disk of the file that came, %v", st.Blocks*512, err)
	}
}

func TestPartsOf(t *testing.T) {
	copied := func(at, from, length int64) part { return part{proto.Copied, at, length, from} }
	literal := func(at, length int64) part { return part{proto.Literal, at, length, 0} }
	zero := func(at, length int64) part { return part{proto.Zero, at, length, 0} }
	for _, c := range []struct {
		name    string
		matches []delta.Match
		holes   []span
		want    []part
	}{
		{"nothing known", nil, nil, []part{literal(100, 900)}},
		{"all of it", []delta.Match{{At: 100, From: 5, Length: 900}}, nil, []part{copied(100, 5, 900)}},
		{"in the middle", []delta.Match{{At: 200, From: 5, Length: 300}}, nil, []part{literal(100, 100), copied(200, 5, 300), literal(500, 500)}},
		{"holes", nil, []span{{0, 150}, {300, 400}, {990, 2000}}, []part{zero(100, 50), literal(150, 150), zero(300, 100), literal(400, 590), zero(990, 10)}},
		{"holes under a match", []delta.Match{{At: 200, From: 5, Length: 300}}, []span{{150, 250}, {450, 600}},
			[]part{literal(100, 50), zero(150, 50), copied(200, 5, 300), zero(500, 100), literal(600, 400)}},
		{"only a hole", nil, []span{{0, 5000}}, []part{zero(100, 900)}},
	} {
		if got := partsOf(100, 1000, c.matches, c.holes, proto.MaxRanges); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// However many matches and holes there are, the parts are bounded and make the whole.
func TestPartsBounded(t *testing.T) {
	var matches []delta.Match
	var holes []span
	for at := int64(0); at < 100_000; at += 10 {
		holes = append(holes, span{at + 1, at + 3}, span{at + 4, at + 5})
		if at%50 == 0 {
			matches = append(matches, delta.Match{At: at + 6, From: 2 * at, Length: 3})
		}
	}
	for _, most := range []int{8, 9, 10, 11, 12, 50, 1024, math.MaxInt} {
		parts := partsOf(0, 100_000, matches, holes, most)
		at := int64(0)
		for _, p := range parts {
			if p.at != at || p.length <= 0 {
				t.Fatalf("at most %d: part %+v at %d", most, p, at)
			}
			at += p.length
		}
		if at != 100_000 || len(parts) > most {
			t.Errorf("at most %d: %d parts make %d bytes", most, len(parts), at)
		}
	}
}

func TestTurned(t *testing.T) {
	got := turned([]delta.Match{{At: 500, From: 0, Length: 100}, {At: 0, From: 50, Length: 100}, {At: 900, From: 60, Length: 20}, {At: 100, From: 300, Length: 5}})
	want := []delta.Match{{At: 0, From: 500, Length: 100}, {At: 100, From: 50, Length: 50}, {At: 300, From: 100, Length: 5}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := cut(want, 60, 302); !slices.Equal(got, []delta.Match{{At: 60, From: 560, Length: 40}, {At: 100, From: 50, Length: 50}, {At: 300, From: 100, Length: 2}}) {
		t.Errorf("%+v", got)
	}
}

package proto

import (
	"bytes"
	"strings"
	"testing"
)

// batches makes headers with n entries: a limit too many must be refused, the limit itself let through.
var batches = []struct {
	name        string
	parse       func([]byte) (Header, error)
	least, most int
	make        func(n int) []byte
}{
	{"hello versions", opened(ParseHello), 1, MaxVersions, func(n int) []byte {
		return (&Hello{Versions: bytes.Repeat([]byte{1}, n)}).Append(nil)
	}},
	{"have", opened(ParseHave), 1, MaxBatch, func(n int) []byte { return (&Have{Hashes: make([]Hash, n)}).Append(nil) }},
	{"have sizes", opened(ParseHave), 1, MaxBatch, func(n int) []byte {
		x := &Have{Hashes: make([]Hash, n)}
		for range n {
			x.Sizes = append(x.Sizes, MaxContent)
		}
		return x.Append(nil)
	}},
	{"have reply", opened(ParseHaveReply), 0, MaxBatch, func(n int) []byte {
		x := &HaveReply{Held: make(Bitmap, (MaxBatch+7)/8)}
		for i := range n {
			x.Challenges = append(x.Challenges, Challenge{i, make([]byte, NonceLen)})
		}
		return x.Append(nil)
	}},
	{"prove", opened(ParseProve), 1, MaxProofs, func(n int) []byte { return manyProofs(n).Append(nil) }},
	{"get-objects", opened(ParseGetObjects), 1, MaxBatch, func(n int) []byte { return (&GetObjects{Hashes: make([]Hash, n)}).Append(nil) }},
	{"put-objects", opened(ParsePutObjects), 1, MaxBatch, func(n int) []byte { return (&PutObjects{Objects: make([]Object, n)}).Append(nil) }},
	{"commit", opened(ParseCommit), 1, MaxBatch, func(n int) []byte { return manyChanges(n).Append(nil) }},
	{"stat", opened(ParseStat), 0, MaxPath, func(n int) []byte {
		return (&Stat{Path: strings.Fields(strings.Repeat("x ", n))}).Append(nil)
	}},
	{"put-objects reply", opened(ParsePutObjectsReply), 0, MaxBatch, func(n int) []byte {
		x := &PutObjectsReply{}
		for i := range n {
			x.Failed = append(x.Failed, EntryError{i, HashMismatch, strings.Repeat("\x01", 300)})
		}
		return x.Append(nil)
	}},
	{"commit reply", opened(ParseCommitReply), 1, MaxBatch, func(n int) []byte {
		x := &CommitReply{}
		for range n {
			x.Entries = append(x.Entries, Changed{Node: 1 << 62, Version: 1 << 62, Code: Conflict, Message: strings.Repeat("\"\xff", 150)})
		}
		return x.Append(nil)
	}},
	{"get-objects reply", opened(ParseGetObjectsReply), 1, MaxBatch, func(n int) []byte {
		return (&GetObjectsReply{Objects: make([]GotObject, n)}).Append(nil)
	}},
	{"changes reply", opened(ParseChangesReply), 0, MaxBatch, func(n int) []byte {
		x := &ChangesReply{}
		for i := range n {
			x.Entries = append(x.Entries, Entry{Node: 1, Version: int64(i + 1), Deleted: true})
		}
		return x.Append(nil)
	}},
	{"stat reply", opened(ParseStatReply), 1, MaxPath + 1, func(n int) []byte {
		x := &StatReply{}
		for i := range n {
			x.Entries = append(x.Entries, Entry{Node: int64(i + 2), Parent: int64(i + 1), Name: "x", Kind: KindFolder, Version: 1})
		}
		return x.Append(nil)
	}},
}

func manyProofs(n int) *Prove {
	x := &Prove{}
	for range n {
		x.Proofs = append(x.Proofs, Proof{Size: MaxContent, Nonce: make([]byte, NonceLen), Tags: make([]byte, MaxTags*TagLen)})
	}
	return x
}

// TestGreatestProve: with all its tags it fits its header.
func TestGreatestProve(t *testing.T) {
	if n := len(manyProofs(MaxProofs).Append(nil)); n > MaxHeader {
		t.Errorf("%d bytes", n)
	}
}

func TestBatches(t *testing.T) {
	for _, b := range batches {
		full := b.make(b.most)
		if len(full) > MaxHeaderBatch {
			t.Errorf("%s: %d entries take %d bytes: more than a header may have", b.name, b.most, len(full))
		}
		for n, ok := range map[int]bool{b.least - 1: false, b.least: true, b.most: true, b.most + 1: false} {
			if n < 0 {
				continue
			}
			if _, err := b.parse(b.make(n)); (err == nil) != ok {
				t.Errorf("%s: %d entries: %v", b.name, n, err)
			}
		}
	}
}

// TestListPage fills a page to its last byte: its only cap is the header's.
func TestListPage(t *testing.T) {
	x := &ListReply{More: true}
	e := Entry{Node: 1, Parent: 1, Name: "x", Kind: KindFolder, Version: 1}
	size := len(x.Append(nil))
	for size+len(e.Append(nil))+1 <= MaxReplyHeader {
		x.Entries = append(x.Entries, e)
		size += len(e.Append(nil)) + 1
	}
	raw := x.Append(nil)
	if len(raw) > MaxReplyHeader {
		t.Fatalf("%d bytes", len(raw))
	}
	back, err := ParseListReply(raw)
	if err != nil || len(back.Entries) != len(x.Entries) {
		t.Fatalf("%v", err)
	}
	if _, err := ParseListReply(append(raw, bytes.Repeat([]byte(" "), MaxReplyHeader)...)); err == nil {
		t.Error("a header over the limit was let through")
	}
}

func TestSums(t *testing.T) {
	for _, c := range []struct {
		name  string
		sizes []int64
		body  uint64
		code  Code
	}{
		{"one", []int64{6}, 6, OK},
		{"empty file", []int64{0}, 0, OK},
		{"one short", []int64{6}, 5, BadHeader},
		{"one long", []int64{6}, 7, BadHeader},
		{"no body", []int64{6}, 0, BadHeader},
		{"limit", []int64{MaxObjectsBody}, MaxObjectsBody, OK},
		{"two over the limit", []int64{MaxObjectsBody, 1}, MaxObjectsBody, TooLarge},
		{"many over the limit", []int64{MaxObjectsBody, MaxObjectsBody, MaxObjectsBody, MaxObjectsBody}, 0, TooLarge},
		{"one over the limit", []int64{MaxObjectsBody + 1}, MaxObjectsBody, BadHeader},
	} {
		x := &PutObjects{}
		for _, n := range c.sizes {
			x.Objects = append(x.Objects, Object{Size: n})
		}
		code := judge(append(Prelude{Version: 1, Type: TypePutObjects, HeaderLen: uint32(len(x.Append(nil))), BodyLen: c.body}.Append(nil), x.Append(nil)...))
		if code != c.code {
			t.Errorf("%s: %v, want %v", c.name, code, c.code)
		}
	}
}

func TestChunkBody(t *testing.T) {
	row := Lookup(TypeUploadChunk)
	for n, ok := range map[uint64]bool{0: false, 1: true, ChunkSize - 1: true, ChunkSize: true, ChunkSize + 1: false} {
		if e := row.Body(&UploadChunk{}, n); (e == nil) != ok {
			t.Errorf("%d bytes: %v", n, e)
		}
	}
}

// TestNoBody: a body where none may be is refused by the prelude alone, and by Row.Body.
func TestNoBody(t *testing.T) {
	for i := range Types {
		row := &Types[i]
		if row.MaxBody != 0 {
			continue
		}
		if e := row.Body(samples[row.Type].request, 1); e == nil {
			t.Errorf("%s takes a body", row.Name)
		}
		if e := row.Body(samples[row.Type].request, 0); e != nil {
			t.Errorf("%s: %v", row.Name, e)
		}
	}
}

// TestReplyTooLong: a reply header over the limit is refused before it is looked at.
func TestReplyTooLong(t *testing.T) {
	long := bytes.Repeat([]byte(" "), MaxReplyHeader+1)
	for i := range Types {
		if _, err := Types[i].ParseReply(long); err == nil || err.(*Error).Code != TooLarge {
			t.Errorf("%s: %v", Types[i].Name, err)
		}
	}
}

// TestBitmapFits: the bitmap of the greatest content fits a reply header.
func TestBitmapFits(t *testing.T) {
	x := &UploadOpenReply{Upload: 1, Chunk: ChunkSize, Present: NewBitmap(MaxChunks)}
	raw := x.Append(nil)
	if len(raw) > MaxReplyHeader {
		t.Fatalf("%d bytes", len(raw))
	}
	if _, err := ParseUploadOpenReply(raw); err != nil {
		t.Error(err)
	}
}

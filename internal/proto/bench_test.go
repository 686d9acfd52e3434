package proto

import (
	"fmt"
	"testing"
)

// manyChanges is a commit of n puts, as push sends them.
func manyChanges(n int) *Commit {
	x := &Commit{Key: Key{1, 2, 3}}
	for i := range n {
		x.Changes = append(x.Changes, Change{
			Op: OpPut, Parent: Place{Node: 4711}, Name: fmt.Sprintf("some_source_file_%d.go", i), Kind: KindFile,
			Hash: Hash{byte(i), byte(i >> 8), 0xAB}, Size: int64(i) * 977, Mode: 0o644, Mtime: 1763750000123456789 + int64(i),
			Expect: 0, ExpectNode: ExpectAny,
		})
	}
	return x
}

// manyEntries is a page of n files.
func manyEntries(n int) *ListReply {
	x := &ListReply{Epoch: 7, Journal: 90000, More: true}
	for i := range n {
		x.Entries = append(x.Entries, Entry{
			Node: 100 + int64(i), Parent: 99, Name: fmt.Sprintf("some_source_file_%d.go", i), Kind: KindFile,
			Size: int64(i) * 977, Mode: 0o644, Mtime: 1763750000123456789 + int64(i), Version: 500 + int64(i), Hash: Hash{byte(i), 1},
		})
	}
	return x
}

func BenchmarkParseCommit1000(b *testing.B) {
	raw := manyChanges(1000).Append(nil)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseCommit(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendCommit1000(b *testing.B) {
	x, buf := manyChanges(1000), make([]byte, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		buf = x.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkParseListReply1000(b *testing.B) {
	raw := manyEntries(1000).Append(nil)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseListReply(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseHave1000(b *testing.B) {
	raw := (&Have{Hashes: make([]Hash, 1000)}).Append(nil)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseHave(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseGet(b *testing.B) {
	raw := (&Get{Hash: Hash{1}, Offset: 5, Length: 4096}).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseGet(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePrelude(b *testing.B) {
	raw := Prelude{Version: Version, Type: TypePing, Number: 9}.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		p, err := ParsePrelude(raw)
		if err == nil {
			_, err = p.CheckRequest()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

package delta

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
)

const unit = LeastBlock

// random is n bytes that a seed decides.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func signatureOf(t testing.TB, content []byte) *Signature {
	t.Helper()
	size := int64(len(content))
	entries, err := AppendEntries(nil, bytes.NewReader(content), size, unit, 0, Blocks(size, unit))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSignature(size, unit, entries)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sumsOf(content []byte) Sum {
	return func(block int64) (uint64, error) {
		return xxhash.Sum64(content[block*unit : min(int64(len(content)), (block+1)*unit)]), nil
	}
}

// compare scans a file in parts and checks what must hold of any answer: it is in order, within both, and, with sums, true.
// It answers how many bytes were found.
func compare(t testing.TB, content, file []byte, piece int64, sums Sum) (found int64, wrong int) {
	t.Helper()
	scan := NewScan(signatureOf(t, content))
	buf := make([]byte, scan.Buffer())
	size := int64(len(file))
	for from := int64(0); from < size; from += piece {
		to := min(from+piece, size)
		var seen []byte
		shift := scan.shift.Load()
		matches, bad, err := scan.Part(bytes.NewReader(file), from, to, size, sums, buf, func(b []byte) { seen = append(seen, b...) })
		if err != nil {
			t.Fatal(err)
		}
		// What is in memory is compared as what is read, by a scan that knows as much.
		var shown []byte
		start, end := scan.Span(from, to, size)
		fresh := NewScan(scan.signature)
		fresh.shift.Store(shift)
		again, _, err := fresh.PartOf(file[start:end], from, to, size, sums, func(b []byte) { shown = append(shown, b...) })
		if err != nil || !slices.Equal(again, matches) || !bytes.Equal(shown, file[from:to]) {
			t.Fatalf("part %d..%d in memory: %v, %v, as read %v", from, to, err, again, matches)
		}
		if !bytes.Equal(seen, file[from:to]) {
			t.Fatalf("part %d..%d: what was shown is not the part", from, to)
		}
		wrong += bad
		at := from
		for _, m := range matches {
			if m.At < at || m.Length <= 0 || m.At+m.Length > to || m.From < 0 || m.From+m.Length > int64(len(content)) {
				t.Fatalf("part %d..%d: match %+v after %d", from, to, m, at)
			}
			if sums != nil && !bytes.Equal(file[m.At:m.At+m.Length], content[m.From:m.From+m.Length]) {
				t.Fatalf("part %d..%d: match %+v is of other bytes", from, to, m)
			}
			at = m.At + m.Length
			found += m.Length
		}
	}
	return found, wrong
}

func TestScan(t *testing.T) {
	old := random(1, 20*unit+1234)
	zeros := make([]byte, 5*unit)
	overwritten := bytes.Clone(old)
	for _, n := range []int{3, 4, 9} {
		copy(overwritten[n*unit:], random(uint64(n+100), unit))
	}
	touched := bytes.Clone(old)
	touched[7*unit+unit/2]++
	for _, c := range []struct {
		name    string
		content []byte
		file    []byte
		missing int64 // bytes that are not found, at most
		guessed int   // blocks whose ends were alike by chance
	}{
		{"the same", old, old, 0, 0},
		{"nothing in common", old, random(2, 20*unit), 20 * unit, 0},
		{"an empty file", old, nil, 0, 0},
		{"an empty content", nil, old, int64(len(old)), 0},
		{"a content of less than the window", random(3, 30), old, int64(len(old)), 0},
		{"a content of less than a block", old[:1000], old, int64(len(old)), 0},
		{"inserted", old, join(old[:5000], random(4, 3*unit+7), old[5000:]), 4*unit + 7, 0},
		{"inserted at the start", old, join(random(5, 777), old), 777, 0},
		{"inserted in the last block", old, join(old[:20*unit+500], random(6, 99), old[20*unit+500:]), 1234 + 99, 0},
		{"cut out", old, join(old[:5*unit+100], old[9*unit+300:]), 2*unit - 200, 0},
		{"cut at the start", old, old[3333:], unit - 3333, 0},
		{"cut at the end", old, old[:11*unit+5], 5, 0},
		{"appended", old, join(old[:20*unit], random(7, 4*unit)), 4 * unit, 0},
		{"appended after a short block", old, join(old, random(8, 4*unit)), 1234 + 4*unit, 0},
		{"halves changed places", old, join(old[10*unit:20*unit], old[:10*unit]), 0, 0},
		{"twice", old, join(old, old), 1234, 0},
		{"blocks overwritten", old, overwritten, 3 * unit, 0},
		{"one byte in a block", old, touched, unit, 1},
		{"zeros in zeros", zeros, join(zeros, zeros), 0, 0},
		{"a block after a long run", join(zeros, old), join(zeros[:4*unit+17], old), 2 * unit, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int64{1 << 40, 8 * unit, 3*unit + 11, 1000*unit + 1} {
				got, wrong := compare(t, c.content, c.file, piece, sumsOf(c.content))
				if missing := int64(len(c.file)) - got; missing > c.missing {
					t.Errorf("parts of %d: %d bytes not found, at most %d are new", piece, missing, c.missing)
				}
				if c.guessed == 0 && wrong > 0 {
					t.Errorf("parts of %d: %d blocks only looked alike", piece, wrong)
				}
				guessed, _ := compare(t, c.content, c.file, piece, nil)
				if guessed < got || c.guessed == 0 && guessed > got {
					t.Errorf("parts of %d: %d bytes found by the ends alone, %d with sums", piece, guessed, got)
				}
			}
		})
	}
}

// Parts are scanned in any order, so a shift may be expected where there is none yet.
func TestScanBackwards(t *testing.T) {
	old := random(1, 40*unit)
	for _, more := range []int{7, unit - 1, unit + 7, 9*unit + 7, 17*unit + 7} {
		for _, file := range [][]byte{join(old[:100], random(2, more), old[100:]), old[more:], join(random(3, more), old, old)} {
			size := int64(len(file))
			scan := NewScan(signatureOf(t, old))
			buf := make([]byte, scan.Buffer())
			found := int64(0)
			const piece = 16 * unit
			for from := (size - 1) / piece * piece; from >= 0; from -= piece {
				matches, _, err := scan.Part(bytes.NewReader(file), from, min(from+piece, size), size, sumsOf(old), buf, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range matches {
					if !bytes.Equal(file[m.At:m.At+m.Length], old[m.From:m.From+m.Length]) {
						t.Fatalf("match %+v is of other bytes", m)
					}
					found += m.Length
				}
			}
			if missing := size - found; missing > int64(more)+2*unit {
				t.Errorf("%d bytes not found, %d are new", missing, more)
			}
		}
	}
}

// TestScanHostile has a content and a file in which every offset looks like a block that it is not.
func TestScanHostile(t *testing.T) {
	same := bytes.Repeat([]byte("sixty-four bytes that come again and again, whatever the offset"), 1)
	same = append(same, '!')
	content := make([]byte, 0, 64*unit)
	for i := range 64 { // all blocks begin alike and end differently
		block := bytes.Repeat(same, unit/len(same))
		copy(block[unit-8:], random(uint64(i), 8))
		content = append(content, block...)
	}
	file := bytes.Repeat(same, 64*unit/len(same))
	scan := NewScan(signatureOf(t, content))
	reads := &counted{ReaderAt: bytes.NewReader(file)}
	sums := 0
	size := int64(len(file))
	_, _, err := scan.Part(reads, 0, size, size, func(int64) (uint64, error) { sums++; return 0, nil }, make([]byte, scan.Buffer()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if reads.bytes != size || int64(sums) > (size+credit)/unit {
		t.Errorf("%d bytes read, %d blocks summed for a file of %d blocks", reads.bytes, sums, size/unit)
	}
}

type counted struct {
	io.ReaderAt
	bytes int64
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(b, at)
	c.bytes += int64(n)
	return n, err
}

func TestScanOfAFileThatShrinks(t *testing.T) {
	old := random(9, 10*unit)
	scan := NewScan(signatureOf(t, old))
	_, _, err := scan.Part(bytes.NewReader(old[:5*unit]), 0, 10*unit, 10*unit, nil, make([]byte, scan.Buffer()), nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestScanEndsWithASumThatFails(t *testing.T) {
	old := random(9, 10*unit)
	scan := NewScan(signatureOf(t, old))
	failure := errors.New("no answer")
	_, _, err := scan.Part(bytes.NewReader(old), 0, 10*unit, 10*unit, func(int64) (uint64, error) { return 0, failure }, make([]byte, scan.Buffer()), nil)
	if err != failure {
		t.Errorf("got %v", err)
	}
}

// Entries and sums are the same whether they are asked for at once or in pieces: the two ends of the wire must agree.
func TestEntriesInPieces(t *testing.T) {
	for _, size := range []int{1, 63, 64, 4095, unit - 1, unit, unit + 1, unit + 2000, 5*unit + 100, 6 * unit} {
		content := random(uint64(size), size)
		n := Blocks(int64(size), unit)
		r := bytes.NewReader(content)
		all, err := AppendEntries(nil, r, int64(size), unit, 0, n)
		if err != nil || int64(len(all)) != n*EntrySize {
			t.Fatalf("%d bytes: %d bytes of entries, %v", size, len(all), err)
		}
		sums, err := AppendSums(nil, r, int64(size), unit, 0, n, make([]byte, 10_000))
		if err != nil || int64(len(sums)) != n*EntrySize {
			t.Fatalf("%d bytes: %d bytes of sums, %v", size, len(sums), err)
		}
		for first := range n {
			one, err := AppendEntries(nil, r, int64(size), unit, first, 1)
			if err != nil || !bytes.Equal(one, all[first*EntrySize:][:EntrySize]) {
				t.Errorf("%d bytes: block %d alone has another entry (%v)", size, first, err)
			}
			want := sumsOf(content)
			if sum, _ := want(first); Sums(sums).Of(first) != sum {
				t.Errorf("%d bytes: block %d has another sum", size, first)
			}
		}
	}
}

// The rolling hash is a part of the protocol.
func TestGears(t *testing.T) {
	if gears[0] != 0xe220a8397b1dcdaf || gears[1] != 0x6e789e6aa1b965f4 {
		t.Errorf("splitmix64 from 0 begins with e220a8397b1dcdaf, 6e789e6aa1b965f4, not %x, %x", uint64(gears[0]), uint64(gears[1]))
	}
	b := random(1, 200)
	if roll(0, b[:164]).sum() != roll(0, b[100:164]).sum() {
		t.Error("the sum depends on more than the last 64 bytes")
	}
}

func TestBadSignatures(t *testing.T) {
	for _, c := range []struct {
		size, block int64
		entries     int
	}{{-1, unit, 0}, {unit, unit, 7}, {unit, unit, 16}, {unit, unit - 1, 8}, {unit, 0, 8}, {unit, 16 << 20, 8}, {1 << 62, unit, 0}} {
		if _, err := NewSignature(c.size, c.block, make([]byte, c.entries)); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestBlockFor(t *testing.T) {
	for _, c := range []struct{ size, block int64 }{{0, unit}, {1 << 30, unit}, {1<<36 - 1, unit}, {1 << 36, 2 * unit}, {1 << 44, MostBlock}} {
		if got := BlockFor(c.size); got != c.block {
			t.Errorf("%d bytes: blocks of %d, want %d", c.size, got, c.block)
		}
	}
}

// FuzzScan makes a file of pieces of a content and of other bytes, as the input says, and compares.
func FuzzScan(f *testing.F) {
	f.Add([]byte{0, 200, 1, 5, 9, 0, 3}, uint16(999))
	f.Add([]byte{255, 255, 255, 1, 2, 3, 4, 5, 6, 7, 8}, uint16(0))
	f.Add([]byte{3, 0, 0, 2, 9, 9}, uint16(40000))
	content := join(random(1, 4*unit+77), make([]byte, 2*unit), bytes.Repeat([]byte("ab"), unit/2), random(2, 2*unit+1))
	f.Fuzz(func(t *testing.T, script []byte, odd uint16) {
		var file []byte
		for i := 0; i+2 < len(script) && len(file) < 16*unit; i += 3 {
			from := int(script[i]) * len(content) / 256
			length := (int(script[i+1])*unit + int(odd)) % (3 * unit)
			switch script[i+2] % 4 {
			case 0:
				file = append(file, random(uint64(i), length)...)
			case 1:
				file = append(file, make([]byte, length)...)
			default:
				file = append(file, content[from:min(from+length, len(content))]...)
			}
		}
		if len(file) == 0 {
			return
		}
		piece := int64(unit + int(odd))
		compare(t, content, file, piece, sumsOf(content))
		compare(t, content, file, piece, nil)
	})
}

func BenchmarkScan(b *testing.B) {
	content := random(1, 256*unit)
	for _, c := range []struct {
		name string
		file []byte
		sums Sum
	}{
		{"shifted", join(random(2, 777), content), nil},
		{"shifted-sums", join(random(2, 777), content), sumsOf(content)},
		{"other", random(3, 256*unit), nil},
		{"zeros", make([]byte, 256*unit), nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			scan := NewScan(signatureOf(b, content))
			buf := make([]byte, scan.Buffer())
			size := int64(len(c.file))
			b.SetBytes(size)
			for b.Loop() {
				if _, _, err := scan.Part(bytes.NewReader(c.file), 0, size, size, c.sums, buf, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

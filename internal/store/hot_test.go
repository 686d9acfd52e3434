package store

import (
	"sync/atomic"
	"testing"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// BenchmarkPut is a first push: batches of 500 contents of 8 KiB from two connections.
func BenchmarkPut(b *testing.B) {
	for _, account1 := range []int64{0, 1 << 50} {
		data := newFolder(b, account1)
		s := openSlot(b, data, 0, nil)
		w := account(b, s, "ann")
		const count, size = 500, 8 << 10
		var seed atomic.Uint64
		name := "no quota"
		if account1 != 0 {
			name = "quota"
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(count * size)
			b.SetParallelism(2)
			b.RunParallel(func(p *testing.PB) {
				body := make([]byte, count*size)
				copy(body, bytesOf(1, len(body)))
				hashes, sizes := make([][32]byte, count), make([]int64, count)
				for p.Next() {
					n := seed.Add(1)
					for i := range hashes {
						c := body[i*size : (i+1)*size]
						for j := range 8 {
							c[j] = byte(n >> (8 * j))
						}
						c[9], c[10] = byte(i), byte(i>>8)
						hashes[i], sizes[i] = hash.Sum(c), size
					}
					in, err := s.ObjectsBegin(w, hashes, sizes)
					must(b, err)
					must(b, fill(in.Pieces(), body))
					failed, err := in.Finish(nil)
					must(b, err)
					if failed != nil {
						b.Fatal(failed)
					}
				}
			})
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*count), "µs/content")
		})
	}
}

// BenchmarkRows is the database's part of a content.
func BenchmarkRows(b *testing.B) {
	data := newFolder(b, 0)
	s := openSlot(b, data, 0, nil)
	w := account(b, s, "ann")
	_, err := put(s, w, bytesOf(1, 10))
	must(b, err)
	seg := s.segments.current.number
	const count = 500
	n := int64(1) << 40
	for b.Loop() {
		must(b, s.write(func(tx *db.Tx) error {
			at := now()
			for i := range count {
				n++
				h := hash.Sum([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(i)})
				id, fresh, err := tx.InsertContent(&db.Content{ID: n, Hash: h[:], Size: 10, Complete: true, Segment: seg, Offset: n})
				if err != nil {
					return err
				}
				if _, err := hold(tx, w, id, h, 10, fresh, at); err != nil {
					return err
				}
			}
			return charge(tx, w, 10*count)
		}))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*count), "µs/content")
}

// BenchmarkHaveUnknown asks for contents nobody has.
func BenchmarkHaveUnknown(b *testing.B) {
	data := newFolder(b, 0)
	s := openSlot(b, data, 0, nil)
	w := account(b, s, "ann")
	hashes := make([][32]byte, 1000)
	for i := range hashes {
		hashes[i] = hash.Sum([]byte{byte(i), byte(i >> 8)})
	}
	for b.Loop() {
		_, err := s.Have(w, hashes)
		must(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*1000), "µs/hash")
}

// BenchmarkRemembered is a quick answer's look at memory with its read.
func BenchmarkRemembered(b *testing.B) {
	data := newFolder(b, 0)
	s := openSlot(b, data, 0, nil)
	w := account(b, s, "ann")
	content := bytesOf(1, 4096)
	_, err := put(s, w, content)
	must(b, err)
	sum := hash.Sum(content)
	l, err := s.Find(w, sum)
	must(b, err)
	f, err := l.Open()
	must(b, err)
	f.Release()
	buf := make([]byte, 4096)
	s.config.Changes = func() uint64 { return 1 }
	_, err = s.Find(w, sum)
	must(b, err)
	for b.Loop() {
		if _, ok := s.ReadNow(s.Remembered(w, sum), 0, buf); !ok {
			b.Skip("not in memory")
		}
	}
}

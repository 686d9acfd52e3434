package db

import (
	"fmt"
	"testing"
)

// One transaction of 1,000 new nodes, each naming a content of its own, durable.
func BenchmarkNodes(b *testing.B) {
	d := openTest(b)
	const rows = 1000
	id := int64(0)
	if err := d.Write(func(tx *Tx) error { return tx.InsertAccount([]byte("ann"), "none", 0, 1, 1) }); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		if err := d.Write(func(tx *Tx) error {
			for range rows {
				id++
				hash := fmt.Appendf(nil, "%032d", id*7919)
				if _, _, err := tx.InsertContent(&Content{ID: id, Hash: hash, Size: 1, Complete: true}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for n := range b.N {
		if err := d.Write(func(tx *Tx) error {
			for i := range rows {
				number := int64(n*rows + i + 1)
				if err := tx.InsertNode(&Node{Namespace: 1, Parent: number / 20, Name: fmt.Appendf(nil, "file_%d.go", number),
					Kind: File, Content: number, Size: 1, Mode: 0o644, Mtime: number, Version: number}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "us/row")
}

// One small write a commit, from many goroutines: they share commits.
func BenchmarkSmallWrites(b *testing.B) {
	d := openTest(b)
	notes(b, d)
	b.SetParallelism(64)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := d.Write(func(tx *Tx) error { return tx.run(`UPDATE note SET text = X'00' WHERE id = 1`) }); err != nil {
				b.Fatal(err)
			}
		}
	})
	s := d.Stats()
	b.ReportMetric(float64(s.Writes)/float64(s.Groups), "writes/commit")
}

package store

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

// BenchmarkFirstPush is what the database does for new files: their contents in batches, then their names. It tells
// CPU, not time: the disk is not its matter.
func BenchmarkFirstPush(b *testing.B) {
	data := newFolder(b, 0)
	s := openSlot(b, data, 0, nil)
	w := account(b, s, "ann")
	const count = 500
	hashes, sizes, body := make([][32]byte, count), make([]int64, count), make([]byte, count*8)
	changes := make([]Change, count)
	var folders []int64
	var put, named float64
	for b.Loop() {
		round := len(folders) * count
		folder := mustApply(b, s, w, mkdirOf(w.Root, fmt.Sprintf("folder-%d", round)))[0].Node
		folders = append(folders, folder)
		for i := range count {
			c := body[i*8 : i*8+8]
			binary.BigEndian.PutUint64(c, uint64(round+i))
			hashes[i], sizes[i] = hash.Sum(c), 8
			changes[i] = Change{
				Op: OpPut, Parent: Place{Node: folders[(i*7)%len(folders)]}, Name: fmt.Sprintf("a_file_name_%d.go", round+i),
				Kind: KindFile, Hash: hashes[i], Size: 8, Mode: 0o644, Mtime: int64(round + i), ExpectNode: ExpectAny,
			}
		}
		t := cpu(b)
		in, err := s.ObjectsBegin(w, hashes, sizes)
		must(b, err)
		_, err = in.Finish(body)
		must(b, err)
		u := cpu(b)
		for _, f := range mustApply(b, s, w, changes...) {
			must(b, f.Err)
		}
		put, named = put+u-t, named+cpu(b)-u
	}
	b.ReportMetric(put/float64(b.N*count), "cpu-us/content")
	b.ReportMetric(named/float64(b.N*count), "cpu-us/name")
}

// cpu tells the process's CPU time so far, in us.
func cpu(b *testing.B) float64 {
	var r unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &r))
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e3
}

package syncer

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sluice/internal/client"
	"sluice/internal/hash"
)

// Files that others have sent are instant, each in its place among those that are sent; the totals tell.
func TestPushProves(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	f.others = make(map[client.Hash]bool)
	var p Progress
	for i := range 20 {
		b := bytes.Repeat([]byte{byte(i), 1}, (client.LeastProof+i)/2)
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("large%d", i)), b, 0o644))
		f.others[hash.Sum(b)] = i%2 == 0
		lay(t, dir, fmt.Sprintf("small%d %d", i, i))
	}
	totals := mustPush(t, f, dir, func(o *PushOptions) { o.Progress = &p })
	if totals.Instant != 10 || totals.Sent != 30 || totals.InstantBytes < 10*client.LeastProof {
		t.Errorf("totals %+v", totals)
	}
	if p.Done.Load() != 40 || p.DoneBytes.Load() != p.FoundBytes.Load() {
		t.Errorf("progress ends at %d of %d bytes", p.DoneBytes.Load(), p.FoundBytes.Load())
	}
}

func TestProvableLast(t *testing.T) {
	var tasks []task
	for i := range 30 {
		size := int64(10)
		if i%2 == 0 {
			size = client.LeastProof + int64(i)
		}
		tasks = append(tasks, task{Step: Step{Src: &Node{Size: size}}})
	}
	var got []int64
	for _, t := range provableLast(tasks) {
		got = append(got, t.Src.Size-client.LeastProof)
	}
	for i, n := range got {
		if large := i < provableAhead || i >= provableAhead+15; large != (n >= 0) || len(got) != 30 {
			t.Fatalf("order %v", got)
		}
	}
}

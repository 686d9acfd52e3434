package torture

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestPowerCut is D2: the power of the disk is cut under load. What was acknowledged before is there when the power is back;
// what was visible to anybody is there; the server is back within two seconds.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, options string }{
		{"ext4", ""},
		{"ext4", "data=writeback"}, // names may come back before the bytes
		{"xfs", ""},
	} {
		name := test.kind
		if test.options != "" {
			name += " " + test.options
		}
		t.Run(name, func(t *testing.T) {
			r := begin(t)
			r.needDisk(test.kind)
			size := "1G"
			if r.long {
				size = "6G" // of holes, for large files with all their versions
			}
			d := r.newDisk(test.kind, size, test.options)
			cuts := r.pick(5, 1000)
			if test.options != "" {
				cuts = r.pick(2, 200)
			}
			total := powerCuts(r, d, cuts, nil)
			r.Log(total)
			if limit := 2 * time.Second; r.long && total.start(1) > limit {
				r.Errorf("the slowest start took %v, the limit is %v", total.start(1), limit)
			}
		})
	}
}

// cutTotal is what a number of cuts came to.
type cutTotal struct {
	cuts, checks int
	acks         int64
	starts       []time.Duration
}

// start is a quantile of how long the starts took.
func (t cutTotal) start(q float64) time.Duration {
	if len(t.starts) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.starts))
	return sorted[int(q*float64(len(sorted)-1))].Round(time.Millisecond)
}

func (t cutTotal) String() string {
	return fmt.Sprintf("%d cuts, %d names acknowledged, %d whole checks; starts took %v (p50), %v (p99), %v (the slowest)",
		t.cuts, t.acks, t.checks, t.start(0.5), t.start(0.99), t.start(1))
}

// cutsADisk bounds how long one disk is used: the check of everything grows with what is on it.
const cutsADisk = 40

// powerCuts cuts the power so many times; prepare may change the server before it first starts.
//
// From the moment before the cut answers are not taken, as a machine without power gives none. They would not always hold:
// an fsync that waits for ext4's journal while the file system is shut down may return success although its transaction
// was thrown away (a program of thirty lines that only writes and syncs sees it about once in thirty cuts, and never
// for a sync that returned before the shutdown began).
func powerCuts(r *round, d *disk, cuts int, prepare func(s *server)) (total cutTotal) {
	r.Helper()
	random := r.random(1 << 33)
	var s *server
	var f *fleet
	for n := range cuts {
		if n%cutsADisk == 0 {
			if s != nil {
				total.acks += f.acks.Load()
				f.toiled()
				s.stop()
				s.checkAll("after a drain")
				r.Log(total) // a long round tells how far it has come
				d.renew()
			}
			s = r.newServer(filepath.Join(d.mount, "data"), 2, r.serverArgs()...)
			if prepare != nil {
				prepare(s)
			}
			s.start()
			f = s.newFleet(6, everyday)
			if prepare == nil {
				f.addToil()
			}
		}
		f.begin()
		time.Sleep(time.Duration(40+random.IntN(200)) * time.Millisecond)
		r.linger(random, 3)
		f.dark.Store(true)
		d.cut()
		time.Sleep(time.Duration(random.IntN(10)) * time.Millisecond) // the server meets a dead disk
		s.killAll()
		f.drop()
		d.unplug()
		d.plug()
		total.starts = append(total.starts, s.start())
		total.cuts++
		f.dark.Store(false)
		f.settle()
		last := n == cuts-1 || (n+1)%cutsADisk == 0
		f.verify(last)
		if last || (n+1)%10 == 0 {
			s.killAll()
			s.startUp()
			s.checkAll(fmt.Sprintf("after cut %d", n+1))
			total.checks++
			s.start()
		}
	}
	total.acks += f.acks.Load()
	f.toiled()
	s.stop()
	s.checkAll("at the end")
	return total
}

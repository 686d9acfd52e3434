package torture

import (
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKill is D1: workers, the parent and all processes are killed under load, again and again. Everything that was
// acknowledged is there afterwards, as it was acknowledged; the data folder agrees with itself; no kill keeps the server from
// coming back.
func TestKill(t *testing.T) {
	t.Parallel()
	r := begin(t)
	s := r.newServer(r.path("data"), 4, r.serverArgs()...)
	s.start()
	f := s.newFleet(8, everyday)
	f.addToil()
	random := r.random(1 << 32)
	kills, acks := r.pick(200, 2000), int64(0)
	if r.long { // where kills come faster than answers, it takes more of them until so much was acknowledged
		acks = int64(200_000 * r.share)
	}
	counts := make(map[string]int)
	slowest := time.Duration(0)
	f.begin()
	for n := 0; (n < kills || f.acks.Load() < acks) && f.faults.Load() == 0; {
		time.Sleep(20*time.Millisecond + time.Duration(random.Int64N(int64(r.pick(40, 130))))*time.Millisecond)
		r.linger(random, 8)
		switch kind := random.IntN(100); {
		case kind < 92:
			pid := s.aWorker(random.IntN)
			if pid == 0 {
				continue
			}
			unix.Kill(pid, unix.SIGKILL)
			counts["worker"]++
		case kind < 96: // its workers must leave by themselves
			s.killParent()
			slowest = max(slowest, s.start())
			counts["parent"]++
		default:
			s.killAll()
			slowest = max(slowest, s.start())
			counts["all"]++
		}
		if n++; n%r.pick(100, 200) == 0 {
			f.rest()
			f.verify(false)
			s.killAll()
			s.startUp()
			c := s.checkAll("after kill " + time.Now().Format(time.TimeOnly))
			r.Logf("%d kills %v: %v; %v; the slowest start took %v", n, counts, f, c, slowest.Round(time.Millisecond))
			s.start()
			f.begin()
		}
	}
	f.rest()
	f.verify(true)
	f.toiled()
	s.stop()
	c := s.checkAll("after a drain")
	r.Logf("kills %v: %v; %v; the slowest start took %v", counts, f, c, slowest.Round(time.Millisecond))
}

// aWorker draws one of the parent's workers, old or new; 0: there is none at the moment.
func (s *server) aWorker(draw func(int) int) int {
	all := slices.DeleteFunc(s.processes(), func(pid int) bool { return pid == s.parent() || pid == os.Getpid() })
	if len(all) == 0 {
		return 0
	}
	return all[draw(len(all))]
}

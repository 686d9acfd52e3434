package torture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// TestKillCompaction is D1 where the collector comes to copy segments: most of what is stored is soon dead, lives are long enough for
// the keeper to be at it, and it is the keeper that is killed, some time after it was seen to remove a segment. Only long
// rounds have it, as its lives are seconds.
func TestKillCompaction(t *testing.T) {
	t.Parallel()
	r := begin(t)
	if !r.long {
		t.Skip("lives of seconds: only in the long rounds")
	}
	s := r.newServer(r.path("data"), 2, r.serverArgs()...)
	s.start()
	f := s.newFleet(0, everyday)
	s.addUser("carl")
	f.toil = &toil{emptier: s.dialAs("carl", client.Options{Connections: 1})}
	f.join(s.dialRemote(client.Options{}), func(a *actor) drawing { return (&settler{a}).draw })
	f.join(s.dialRemote(client.Options{}), func(a *actor) drawing { return (&settler{a}).draw })
	// At this pace the collector, which gives way to others, comes to the segments within a life.
	f.join(s.dialAs("carl", client.Options{}), func(a *actor) drawing { return (&waster{a, 400 * time.Millisecond}).draw })
	random := r.random(1 << 32)
	counts := make(map[string]int)
	kills, began := r.pick(3, 100), time.Now()
	longest, slowest := time.Duration(0), time.Duration(0)
	f.begin()
	for n := 0; n < kills && f.faults.Load() == 0; {
		life, before := time.Now(), s.dropped()
		if n%2 == 0 { // the keeper's rounds take their time beside a load
			time.Sleep(5*time.Second + time.Duration(random.Int64N(int64(3*time.Second))))
		}
		for time.Since(life) < 12*time.Second && s.dropped() == before {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Duration(random.Int64N(int64(400 * time.Millisecond))))
		longest = max(longest, time.Since(life))
		switch kind := random.IntN(10); {
		case kind < 7:
			pid := s.keeper()
			if pid == 0 {
				continue
			}
			unix.Kill(pid, unix.SIGKILL)
			counts["keeper"]++
		case kind < 8:
			s.killParent()
			slowest = max(slowest, s.start())
			counts["parent"]++
		default:
			s.killAll()
			slowest = max(slowest, s.start())
			counts["all"]++
		}
		if n++; n%20 == 0 {
			f.rest()
			f.verify(false)
			s.killAll()
			s.startUp()
			c := s.checkAll("after kill " + time.Now().Format(time.TimeOnly))
			r.Logf("%d kills %v in %v: %v; %v; %d segments removed", n, counts, time.Since(began).Round(time.Second), f, c, s.dropped())
			s.start()
			f.begin()
		}
	}
	f.rest()
	f.verify(true)
	s.stop()
	c := s.checkAll("after a drain")
	contents, whole := s.collected()
	removed, copied := s.copied()
	r.Logf("kills %v: %v; %v; the slowest start took %v, the longest wait between kills %v; %d segments were removed, %d bytes copied out of them; "+
		"rounds that came to their end tell of %d contents and %d segments", counts, f, c, slowest.Round(time.Millisecond), longest.Round(time.Millisecond),
		removed, copied, contents, whole)
	if removed < kills/4 || copied == 0 {
		r.Errorf("%d segments were removed, and %d bytes copied, in %d lives: compaction was hardly at work", removed, copied, kills)
	}
}

// settler puts small contents that stay, among those that die.
type settler struct{ *actor }

func (l *settler) draw(ctx context.Context) ([]client.Change, []ack, error) {
	pause(ctx, 100*time.Millisecond)
	b := make([]byte, 1+l.random.IntN(10<<10))
	fill(b, l.random.Uint64())
	if err := l.put(ctx, [][]byte{b}); err != nil {
		return nil, nil, err
	}
	return l.putting(fmt.Sprintf("settled%d", l.random.IntN(200)), client.Sum(b), int64(len(b)))
}

// keeper finds the process that holds keeper.lock; 0: nobody does at the moment.
func (s *server) keeper() int {
	s.Helper()
	var st unix.Stat_t
	s.must(unix.Stat(filepath.Join(s.data, "keeper.lock"), &st))
	locks, err := os.ReadFile("/proc/locks")
	s.must(err)
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for _, line := range strings.Split(string(locks), "\n") {
		if f := strings.Fields(line); len(f) > 5 && f[1] == "FLOCK" && f[5] == file { // one that waits has an arrow before it
			pid, _ := strconv.Atoi(f[4])
			return pid
		}
	}
	return 0
}

var droppedLine = regexp.MustCompile(`segment [0-9a-f]{16} is removed: \d+ bytes of it were dead, (\d+) were copied`)

// dropped is how many segments the server's log tells to be removed.
func (s *server) dropped() int {
	n, _ := s.copied()
	return n
}

// copied is that, and how many bytes were copied out of them, by the process that removed them.
func (s *server) copied() (segments int, bytes int64) {
	for _, m := range droppedLine.FindAllStringSubmatch(s.logTail(64<<20), -1) {
		n, _ := strconv.ParseInt(m[1], 10, 64)
		segments, bytes = segments+1, bytes+n
	}
	return segments, bytes
}

package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of the times in /proc/PID/stat. It is 100 a second on every architecture Go knows.
const tick = 10 * time.Millisecond

// treeCPU is the CPU time of a process and all below it, ended children that were waited for included.
func treeCPU(pid int) time.Duration {
	all := processes()
	var sum time.Duration
	for id := range all {
		if id == pid || below(all, id, pid) {
			sum += clock(id) + all[id].ended
		}
	}
	return sum
}

// clock reads a process's own CPU clock: exact, and with threads that have ended, unlike the ticks of its stat.
func clock(pid int) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|2), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

type process struct {
	parent int
	ended  time.Duration // of children waited for
}

func processes() map[int]process {
	all := make(map[int]process)
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has just ended
		}
		// The name may hold spaces and brackets; the last bracket ends it.
		f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(f) < 15 {
			continue
		}
		number := func(i int) int { n, _ := strconv.Atoi(string(f[i])); return n }
		all[pid] = process{parent: number(1), ended: time.Duration(number(13)+number(14)) * tick}
	}
	return all
}

func below(all map[int]process, pid, top int) bool {
	for range 64 {
		p, ok := all[pid]
		if !ok {
			return false
		}
		if p.parent == top {
			return true
		}
		pid = p.parent
	}
	return false
}

// children counts the processes below pid.
func children(pid int) int {
	all, n := processes(), 0
	for id := range all {
		if below(all, id, pid) {
			n++
		}
	}
	return n
}

// ownCPU is this process's CPU time.
func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

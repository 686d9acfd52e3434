package bench

import (
	"fmt"
	"os"
	"strings"
)

// treePSS is the memory of a process and all below it. A page that several share counts in parts, so that the sum is
// what they take together.
func treePSS(pid int) (bytes int64, err error) {
	all := processes()
	for id := range all {
		if id != pid && !below(all, id, pid) {
			continue
		}
		n, err := pss(id)
		if err != nil {
			return 0, err
		}
		bytes += n
	}
	return bytes, nil
}

func pss(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("process %d tells no PSS", pid)
}

// loopbackBytes is what has gone over loopback so far.
func loopbackBytes() int64 {
	b, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var n int64
		if k, _ := fmt.Sscanf(strings.TrimSpace(line), "lo: %d", &n); k == 1 {
			return n
		}
	}
	return 0
}

package bench

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// disk writes a new file and syncs its data.
func disk(j job, _ func(string)) (answer, error) {
	f, err := os.Create(filepath.Join(j.Dir, "disk"))
	if err != nil {
		return answer{}, err
	}
	defer f.Close()
	b := make([]byte, pipeSize)
	for i := range b {
		b[i] = byte(i * i) // not zeros: a disk may not write those
	}
	cpu, start := ownCPU(), time.Now()
	for left := j.Size; left > 0; left -= int64(len(b)) {
		if _, err := f.Write(b[:min(left, int64(len(b)))]); err != nil {
			return answer{}, err
		}
	}
	err = unix.Fdatasync(descriptor(f))
	return answer{Units: j.Size, Wall: time.Since(start), Client: ownCPU() - cpu}, err
}

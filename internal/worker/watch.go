package worker

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/stats"
	"sluice/internal/store"
)

// watch keeps those numbers of the page up to date that must be asked for: of the disk, which may make it wait, and of
// this process. It runs beside the loop and returns when ctx ends.
func (w *worker) watch(ctx context.Context, st *store.Store, disk *stats.Disk) {
	disk.Least.Store(w.cfg.LeastSpace)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var writes, cpu uint64 // of this life, told so far: the page's counters are those of all lives of the slot
	failing := false
	for {
		h, err := st.Health()
		if err != nil && !failing {
			w.entry().WithError(err).Warn("look at the disk")
		}
		failing = err != nil
		disk.Writable.Store(truth(h.Writable))
		if err == nil {
			disk.Free.Store(h.Free)
			disk.Size.Store(h.Size)
			disk.Files.Store(h.Files)
			disk.Log.Store(h.Log)
			disk.Damaged.Store(h.Damaged)
		}
		w.slot.ReadOnly.Store(truth(h.ReadOnly))
		grow(&w.slot.Writes, &writes, uint64(h.Writes))
		grow(&w.slot.CPU, &cpu, processorTime())
		w.slot.Resident.Store(resident())
		w.slot.Descriptors.Store(descriptorsOpen())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// grow adds to a counter of the page what came since before.
func grow(counter *atomic.Uint64, before *uint64, now uint64) {
	if now > *before {
		counter.Add(now - *before)
		*before = now
	}
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// processorTime is what this process has used, in ns.
func processorTime() uint64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return uint64(u.Utime.Nano() + u.Stime.Nano())
}

// resident is how many bytes of this process are in RAM; 0: /proc does not tell.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// descriptorsOpen counts this process's open descriptors; 0: /proc does not tell. Since Linux 6.2 the folder's size says
// it, before one has to read them all.
func descriptorsOpen() int64 {
	const folder = "/proc/self/fd"
	if info, err := os.Stat(folder); err == nil && info.Size() > 0 {
		return info.Size()
	}
	d, err := os.Open(folder)
	if err != nil {
		return 0
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return int64(len(names)) - 1 // d is one of them
}

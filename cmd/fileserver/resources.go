package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

const (
	// A worker has its loop and a few jobs that hash or wait for the disk: more threads
	// than this only wake each other up; fewer than two would let a job hold up the loop.
	leastThreads = 2
	mostThreads  = 4
	// Below this the collector would run without end, above it a worker needs nothing.
	leastMemory = 256 << 20
	mostMemory  = 4 << 30
)

// workerResources are the Go runtime's limits for one of n workers. What the
// administrator has set himself stands.
func workerResources(n int) []string {
	var set []string
	if _, ok := os.LookupEnv("GOMAXPROCS"); !ok {
		set = append(set, fmt.Sprintf("GOMAXPROCS=%d", max(leastThreads, min(mostThreads, runtime.GOMAXPROCS(0)))))
	}
	if _, ok := os.LookupEnv("GOMEMLIMIT"); !ok {
		set = append(set, fmt.Sprintf("GOMEMLIMIT=%d", memoryLimit(machineMemory(), n)))
	}
	return set
}

// memoryLimit leaves half of the memory to the page cache, which serves most reads.
func memoryLimit(memory int64, workers int) int64 {
	return max(leastMemory, min(mostMemory, memory/2/int64(workers)))
}

// machineMemory is what this machine or this container has, in bytes; 0: unknown.
func machineMemory() int64 {
	memory := int64(0)
	if file, err := os.Open("/proc/meminfo"); err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
				kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
				memory = kib << 10
			}
		}
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && (memory == 0 || limit < memory) {
			memory = limit
		}
	}
	return memory
}

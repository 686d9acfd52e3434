package parent

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// usualPipePages is Linux's own default of fs.pipe-user-pages-soft.
const usualPipePages = 16384

// PipeBudget is how many bytes of pipe all workers together may use: what one user
// may have (fs.pipe-user-pages-soft). Root has no such limit, and where it is 0 or
// cannot be read nobody knows it; the same budget then keeps the memory bounded.
func PipeBudget() int64 {
	text, err := os.ReadFile("/proc/sys/fs/pipe-user-pages-soft")
	if err != nil {
		text = nil
	}
	return pipeBudget(string(text)) * int64(os.Getpagesize())
}

func pipeBudget(text string) int64 {
	pages, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || pages <= 0 {
		return usualPipePages
	}
	// More than 1 GiB of pipes serves nobody.
	return min(pages, 1<<30/4096)
}

// raiseDescriptors lifts the soft limit to the hard one, for the parent and the
// workers that inherit it, and returns it.
func raiseDescriptors() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of descriptors: %w", err)
	}
	limit.Cur = limit.Max
	// Also where nothing changes: the Go runtime has raised its own limit, and gives
	// children the old one unless the program sets it itself.
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raise the limit of descriptors: %w", err)
	}
	return limit.Cur, nil
}

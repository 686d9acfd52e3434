package watch

import (
	"os"
	"strconv"
	"strings"
)

// limitFile holds how many watches all programs of a user may have together.
const limitFile = "/proc/sys/fs/inotify/max_user_watches"

// Limit is how many folders a user may watch, in all programs together; 0: not known.
func Limit() int {
	text, err := os.ReadFile(limitFile)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return n
}

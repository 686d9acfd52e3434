package ask

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// longest is what fits into sockaddr_un with its closing NUL.
const longest = 107

// socketAddress returns how to name path in bind or connect. A path that is too
// long for a socket address is reached through a descriptor of its folder, which
// done closes.
func socketAddress(path string) (address string, done func(), err error) {
	if len(path) <= longest {
		return path, func() {}, nil
	}
	folder, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("open %s: %w", filepath.Dir(path), err)
	}
	address = fmt.Sprintf("/proc/self/fd/%d/%s", folder, filepath.Base(path))
	return address, func() { unix.Close(folder) }, nil
}

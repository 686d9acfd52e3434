package torture

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// peerInode finds the server's socket of a connection on this machine: its inode, as /proc shows it.
func peerInode(r *round, w *wire) string {
	r.Helper()
	local, remote := w.LocalAddr().(*net.TCPAddr), w.RemoteAddr().(*net.TCPAddr)
	f, err := os.Open("/proc/net/tcp")
	r.must(err)
	defer f.Close()
	// From the server's side the two ends change places. Only ports are compared: all is on loopback.
	from, to := fmt.Sprintf(":%04X", remote.Port), fmt.Sprintf(":%04X", local.Port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && strings.HasSuffix(fields[1], from) && strings.HasSuffix(fields[2], to) {
			return fields[9]
		}
	}
	r.Fatal("the server has no socket for this connection")
	return ""
}

// hasSocket tells whether a process holds a socket.
func hasSocket(pid int, inode string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if target, _ := os.Readlink(filepath.Join(dir, e.Name())); target == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}

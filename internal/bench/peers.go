package bench

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// find looks for a program in the path and where servers are kept.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// startRsync starts rsync's daemon with one module, "bench", on dir; nil where rsync is not installed. It syncs nothing
// to disk and verifies nothing but what it has transferred as a delta.
func startRsync(dir string) (*server, error) {
	path := find("rsync")
	if path == "" {
		return nil, nil
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	module := filepath.Join(dir, "module")
	if err := os.Mkdir(module, 0o755); err != nil {
		return nil, err
	}
	config := "use chroot = no\nreverse lookup = no\n"
	if os.Getuid() == 0 {
		config += "uid = 0\ngid = 0\n" // else it would serve as nobody, who may not write here
	}
	config += "[bench]\nread only = no\npath = " + module + "\n"
	file := filepath.Join(dir, "rsyncd.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	s, err := start("rsync", exec.Command(path, "--daemon", "--no-detach", "--config="+file,
		"--address=127.0.0.1", fmt.Sprintf("--port=%d", port)))
	if err != nil {
		return nil, err
	}
	s.address = fmt.Sprintf("127.0.0.1:%d", port)
	return s, reachable(s)
}

// nginx is one daemon with two addresses over the same folder.
type nginx struct {
	*server         // open_file_cache on
	uncached string // its address without
	files    string
}

// startNginx starts nginx with sendfile and WebDAV's PUT; nil where it is not installed.
func startNginx(dir string, workers int) (*nginx, error) {
	path := find("nginx")
	if path == "" {
		return nil, nil
	}
	n := &nginx{files: filepath.Join(dir, "files")}
	for _, sub := range []string{n.files, filepath.Join(dir, "tmp"), filepath.Join(dir, "logs")} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			return nil, err
		}
	}
	cached, err := freePort()
	if err != nil {
		return nil, err
	}
	uncached, err := freePort()
	if err != nil {
		return nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%sdaemon off;\nworker_processes %d;\nworker_rlimit_nofile %d;\npid tmp/pid;\nerror_log stderr error;\nevents { worker_connections 16384; }\nhttp {\n", user, workers, openFiles())
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&b, "%s_temp_path tmp/%s;\n", kind, kind)
	}
	b.WriteString("access_log off;\nsendfile on;\ntcp_nopush on;\nclient_max_body_size 0;\nkeepalive_requests 1000000000;\n" +
		"dav_methods PUT;\ncreate_full_put_path on;\n")
	for port, cache := range map[int]string{cached: "max=20000 inactive=1h", uncached: "off"} {
		fmt.Fprintf(&b, "server { listen 127.0.0.1:%d; root files; open_file_cache %s; }\n", port, cache)
	}
	b.WriteString("}\n")
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return nil, err
	}
	s, err := start("nginx", exec.Command(path, "-p", dir, "-e", "stderr", "-c", file))
	if err != nil {
		return nil, err
	}
	s.address = fmt.Sprintf("127.0.0.1:%d", cached)
	n.server, n.uncached = s, fmt.Sprintf("127.0.0.1:%d", uncached)
	return n, reachable(s)
}

// stop is safe on a peer that is not installed.
func (n *nginx) stop() {
	if n != nil {
		n.server.stop()
	}
}

func reachable(s *server) error {
	err := s.answers(func() error {
		c, err := net.DialTimeout("tcp4", s.address, time.Second)
		if err == nil {
			c.Close()
		}
		return err
	})
	if err != nil {
		s.stop()
	}
	return err
}

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// stageDelta is a large file sent again after a change. An odd number of bytes is inserted near its start, so that no block
// of a power of two lies where it did; or single blocks are overwritten, to a server on a file system that shares extents.
// Ours makes the new file durable and verifies it whole; rsync writes it, and verifies what it has put together.
type stageDelta struct{}

var (
	deltaInsert = workload{"Delta/insert", "a large file again, 1 MiB and 7 bytes inserted near its start", resends}
	deltaBlocks = workload{"Delta/blocks", "a large file again, 1 % of its 64 KiB blocks overwritten, the server on XFS", resends}
)

func (stageDelta) name() string                          { return "delta" }
func (stageDelta) workloads() []workload                 { return []workload{deltaInsert, deltaBlocks} }
func (stageDelta) begin(context.Context, *harness) error { return nil }
func (stageDelta) end()                                  {}

func (stageDelta) round(ctx context.Context, h *harness, number int) error {
	for _, w := range []workload{deltaInsert, deltaBlocks} {
		if !h.wanted(w) {
			continue
		}
		if err := stamp(h.source); err != nil {
			return err
		}
		changed := filepath.Join(h.work, "changed")
		d := resent{ctx: ctx, h: h, changed: changed}
		u := up{ctx: ctx, h: h}
		var variants []variant
		var err error
		if w.name == deltaInsert.name {
			err = inserted(h.source, changed)
			variants = append(variants, variant{"sluice", u.within("delta-sluice", d.sluice)})
			if find("rsync") != "" {
				variants = append(variants, variant{"rsync", u.within("delta-rsync", d.rsync)})
			}
		} else if err = overwritten(h.source, changed, number); mayMount() {
			variants = append(variants, variant{"sluice", u.within("delta-xfs", d.mounted)})
		}
		if err == nil && len(variants) > 0 {
			err = h.interleave(ctx, w, variants...)
		}
		if err := errors.Join(err, os.Remove(changed)); err != nil {
			return err
		}
	}
	return nil
}

// resent is one file that is sent a second time.
type resent struct {
	ctx     context.Context
	h       *harness
	changed string
}

// sluice sends the file, then the changed one under the same name.
func (d resent) sluice(dir string) (m measure, err error) {
	l, err := startSluice(d.ctx, d.h.options, dir)
	if err != nil {
		return m, err
	}
	defer l.stop()
	if _, err := l.run(d.ctx, "", "put", d.h.source, "home:large"); err != nil {
		return m, err
	}
	if err := d.settle(); err != nil {
		return m, err
	}
	carried, err := l.carried()
	if err != nil {
		return m, err
	}
	written := writeBytes(l.pid())
	m, err = l.timed(d.ctx, 1, "put", d.changed, "home:large")
	if err != nil {
		return m, err
	}
	m.size, m.written = d.h.size, writeBytes(l.pid())-written
	now, err := l.carried()
	m.wire = now - carried
	return m, err
}

// rsync does the same with a copy of the file in the daemon's module.
func (d resent) rsync(dir string) (m measure, err error) {
	daemon, err := startRsync(dir)
	if err != nil {
		return m, err
	}
	defer daemon.stop()
	place := filepath.Join(dir, "module", "large")
	if err := copyFile(d.h.source, place); err != nil {
		return m, err
	}
	if err := d.settle(); err != nil {
		return m, err
	}
	m, out, err := rsyncTold(d.ctx, daemon, 1, "--stats", "--ignore-times", d.changed, "rsync://"+daemon.address+"/bench/large")
	for line := range strings.Lines(out) {
		for _, head := range []string{"Total bytes sent: ", "Total bytes received: "} {
			if rest, found := strings.CutPrefix(line, head); found {
				var n int64
				fmt.Sscan(strings.ReplaceAll(rest, ",", ""), &n)
				m.wire += n
			}
		}
	}
	return m, err
}

// mounted is sluice with its data on an XFS of its own.
func (d resent) mounted(dir string) (m measure, err error) {
	image, mount := filepath.Join(dir, "image"), filepath.Join(dir, "mount")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 3*d.h.size+gib/2), os.Mkdir(mount, 0o755)); err != nil {
		return m, err
	}
	for _, c := range [][]string{{find("mkfs.xfs"), "-q", "-m", "reflink=1", image}, {"mount", "-o", "loop", image, mount}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			return m, fmt.Errorf("%s: %w: %s", filepath.Base(c[0]), err, out)
		}
	}
	defer func() { err = errors.Join(err, unix.Unmount(mount, unix.MNT_DETACH)) }()
	return d.sluice(mount)
}

func (d resent) settle() error {
	if d.h.hasty {
		return nil
	}
	return settle(d.h.size)
}

// mayMount says whether the figure on XFS can be had here.
func mayMount() bool { return os.Getuid() == 0 && find("mkfs.xfs") != "" && find("mount") != "" }

// carried is how many bytes the server has had over the wire, both ways, headers and all.
func (l *sluice) carried() (int64, error) {
	out, err := exec.Command(filepath.Join(l.bin, "sluiced"), "status", "--json", "--data", l.data).Output()
	if err != nil {
		return 0, err
	}
	var status struct {
		Workers []struct {
			In  int64 `json:"bytes_in"`
			Out int64 `json:"bytes_out"`
		} `json:"workers"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return 0, err
	}
	n := int64(0)
	for _, w := range status.Workers {
		n += w.In + w.Out
	}
	return n, nil
}

// writeBytes is what a process and all below it have made the kernel write.
func writeBytes(pid int) (sum int64) {
	all := processes()
	for id := range all {
		if id != pid && !below(all, id, pid) {
			continue
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", id))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if rest, found := strings.CutPrefix(line, "write_bytes: "); found {
				var n int64
				fmt.Sscan(rest, &n)
				sum += n
			}
		}
	}
	return sum
}

// inserted writes a copy of a file with bytes of no other file in it.
func inserted(from, to string) error {
	const at, more = 100_000, 1<<20 + 7
	if err := makeFile(to, more); err != nil { // as many bytes as are inserted
		return err
	}
	extra, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	for i := range extra { // makeFile begins every file alike
		extra[i] ^= 0x55
	}
	return fileOf(to, io.MultiReader(io.LimitReader(source, at), strings.NewReader(string(extra)), source))
}

// overwritten writes a copy of a file in which every hundredth block is another.
func overwritten(from, to string, seed int) error {
	const block = 64 << 10
	if err := copyFile(from, to); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, block)
	for at := int64(seed%100) * block; at+block <= st.Size(); at += 100 * block {
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		for i := range b {
			b[i] ^= byte(seed + i)
		}
		if _, err := f.WriteAt(b, at); err != nil {
			return err
		}
	}
	return f.Close()
}

func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return fileOf(to, f)
}

// fileOf writes what r holds, in large pieces, as makeFile does.
func fileOf(path string, r io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{r}, make([]byte, 1<<20))
	return errors.Join(err, f.Close())
}

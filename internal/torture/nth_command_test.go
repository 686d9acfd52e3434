package torture

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/internal/client"
	"sluice/internal/db"
	"sluice/internal/proto"
)

// commandTrials are the commands that write to a data folder beside the server. Their calls fail, not the server's: what a
// keeper does by itself is the same code.
func commandTrials() []trial {
	ctx := context.Background()
	var living []byte
	var doomed []client.Hash
	var place *db.Extent // of the living one before
	// Of four contents beside each other three are given up.
	wasteful := func(sizes ...int) func(n *nth) {
		return func(n *nth) {
			var all [][]byte
			for _, size := range sizes {
				all = append(all, n.body(size))
			}
			n.lend(all...)
			living, doomed = all[0], nil
			n.kept = append(n.kept, client.Sum(living))
			n.change(n.naming(fmt.Sprintf("living%d", n.next), living))
			var dead []client.Change
			for i, b := range all[1:] {
				doomed = append(doomed, client.Sum(b))
				e := n.change(n.naming(fmt.Sprintf("doomed%d-%d", n.next, i), b))
				dead = append(dead, client.Change{Op: client.OpDelete, Node: e.Node, Expect: e.Version})
			}
			for _, c := range dead {
				n.change(c)
			}
			n.surely(func() error { _, err := n.remote.TrashEmpty(ctx, time.Now().UnixNano(), false); return err })
			n.edit(`UPDATE content SET doomed = doomed - 3000000000 WHERE doomed IS NOT NULL`) // no run waits for the grace period
			place = n.extent(n.data, client.Sum(living))
		}
	}
	gc := func(n *nth) error { return n.tapped(0, "gc", "--grace", "1s") }
	collected := func(n *nth) error {
		n.reserved() // nothing is copied before
		if err := gc(n); err != nil {
			return err
		}
		if out, code := n.command("gc", "--grace", "1s", "--dry-run", "--json"); code != 0 || !strings.Contains(out, `"contents":0,"bytes":0,"segments":0,`) {
			n.Errorf("gc has left something, or ends with %d: %s", code, out)
		}
		held, err := n.remote.Have(ctx, doomed)
		if err != nil {
			return err
		}
		if slices.Max(held) > 0 {
			n.Errorf("what was collected is held: %v", held)
		}
		n.take(living)
		return n.read()
	}
	gone := func(path string) func(n *nth) error {
		return func(n *nth) error {
			if err := collected(n); err != nil {
				return err
			}
			if now := n.extent(n.data, client.Sum(living)); now.Segment == place.Segment {
				n.Errorf("the living content was not moved: it lies in segment %x", now.Segment)
			}
			if _, err := os.Stat(filepath.Join(n.data, path, fmt.Sprintf("%016x", place.Segment))); !os.IsNotExist(err) {
				n.Errorf("segment %x is there yet: %v", place.Segment, err)
			}
			return nil
		}
	}
	var rotten []byte // one content, rotten and healed again and again: a scrub reads them all
	scrub := func(n *nth) error { return n.tapped(10, "scrub", "--limit-rate", "none") }
	var stray string
	fsck := func(n *nth) error { return n.tapped(0, "fsck", "--repair") }
	var folder string
	imported := func(n *nth) error { return n.tapped(0, "import", "ann", folder) }
	return []trial{
		{name: "gc of files", short: []string{}, match: ofCommand, prepare: wasteful(150_000, 150_000, 200_000, 140_000), do: gc, again: collected},
		{name: "gc of a segment", short: []string{"pwrite64"}, match: ofSegments, prepare: func(n *nth) {
			wasteful(60_000, 60_000, 60_000, 60_000)(n)
			n.replace() // which ends the segment
		}, do: gc, again: gone("segments")},
		{name: "scrub", short: []string{"pread64"}, match: ofScrub, prepare: func(n *nth) {
			if rotten == nil {
				rotten = n.body(140_000)
			}
			n.take(rotten)
			n.lend(rotten) // heals it
			n.flip(n.data, client.Sum(rotten), 77_777, 1)
		}, do: scrub, again: func(n *nth) error {
			for range 2 { // what was stopped goes on where it was, and may be past it
				if err := scrub(n); err != nil {
					return err
				}
			}
			if err := n.read(); client.CodeOf(err) != proto.Damaged {
				n.Errorf("a damaged content: %v", err)
			}
			before := len(n.kept)
			if err := n.put(rotten); err != nil {
				return err
			}
			n.kept = n.kept[:before] // until the last time
			return n.read()
		}, after: func(n *nth) { n.surely(func() error { return n.put(rotten) }) }},
		{name: "fsck --repair", short: []string{"renameat2"}, match: ofCommand, prepare: func(n *nth) {
			stray = fmt.Sprintf("objects/00000000/%016x", n.next%1000+1) // of a life that never was
			n.next++
			n.must(os.MkdirAll(filepath.Dir(filepath.Join(n.data, stray)), 0o700))
			n.must(os.WriteFile(filepath.Join(n.data, stray), []byte(stray), 0o600))
			n.edit(`UPDATE namespace SET used = used + 1`)
		}, do: fsck, again: func(n *nth) error {
			if err := fsck(n); err != nil {
				return err
			}
			if b, err := os.ReadFile(filepath.Join(n.data, "quarantine", stray)); err != nil || string(b) != stray {
				n.Errorf("%s is not in the quarantine: %q %v", stray, b, err)
			}
			n.must(os.Remove(filepath.Join(n.data, "quarantine", stray))) // the next one may have its name
			if out, code := n.command("fsck", "--json"); code != 0 {
				n.Errorf("fsck after a repair ends with %d: %s", code, out)
			}
			return nil
		}},
		{name: "import", short: []string{"copy_file_range", "fdatasync"}, match: ofCommand, prepare: func(n *nth) {
			n.take(n.body(200_000))
			folder = n.path("import%d", n.next)
			n.must(os.Mkdir(folder, 0o755))
			n.must(os.WriteFile(filepath.Join(folder, fmt.Sprintf("large%d", n.next)), n.hand.source, 0o644))
			n.must(os.WriteFile(filepath.Join(folder, fmt.Sprintf("small%d", n.next)), n.body(100), 0o644))
		}, do: imported, again: func(n *nth) error {
			if err := imported(n); err != nil {
				return err
			}
			n.kept = append(n.kept, client.Sum(n.hand.source))
			return n.read()
		}},
	}
}

// ofCommand matches what a command does to contents and to the database's log. What it reads of the database is what every
// start reads.
func ofCommand(n *nth) func(e *event) bool {
	server := []int{n.parent(), n.worker()}
	return func(e *event) bool {
		if slices.Contains(server, e.pid) {
			return false
		}
		for _, ours := range []string{"objects", "segments", "quarantine"} {
			if strings.HasPrefix(e.path, ours) {
				return true
			}
		}
		return e.path == databaseLog && e.call != "pread64"
	}
}

// ofSegments leaves out what fails in the other gc: the log's frames and opening, and the look for files of the command's own life.
func ofSegments(n *nth) func(e *event) bool {
	match := ofCommand(n)
	return func(e *event) bool {
		return match(e) && (strings.HasPrefix(e.path, "segments") || e.path == databaseLog && e.call == "fdatasync")
	}
}

// ofScrub leaves out the segments, in which there is more to read with every run.
func ofScrub(n *nth) func(e *event) bool {
	match := ofCommand(n)
	return func(e *event) bool { return match(e) && !strings.HasPrefix(e.path, "segments") }
}

// tapped runs a command under the tap. Nil: it ends with want, as it would if nothing failed.
func (n *nth) tapped(want int, name string, args ...string) error {
	n.Helper()
	c := exec.Command(n.program, append([]string{name, "--data", n.data}, args...)...)
	c.Env = append(os.Environ(), n.env...)
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	n.must(n.tap.launch(c))
	err := c.Wait()
	switch code := c.ProcessState.ExitCode(); {
	case code == want:
		return nil
	case code == 8:
		return client.NewError(name, client.NoSpace, said.String())
	case code == 1, code == 5, code == 7, code == 10 && name == "fsck": // it failed, another may not, a part was done, something is left
		return client.NewError(name, codeInternal, said.String())
	}
	return fmt.Errorf("%s: %w: %s", name, err, said.String())
}

// edit changes the database beside the server.
func (n *nth) edit(statement string) {
	n.Helper()
	d, err := db.Open(filepath.Join(n.data, "sluice.db"), db.Options{Gate: filepath.Join(n.data, "writer.lock"), Readers: 1})
	n.must(err)
	n.must(d.Write(func(tx *db.Tx) error { return db.TableOf(tx).Run(statement) }))
	n.must(d.Close())
}

package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Three devices do what users do, at random, while clients and the server are killed. When all have synced until nothing is
// left to do their trees are the same, no file is a mixture, and no content is gone that a sync has seen or a user left.
func TestSyncModel(t *testing.T) {
	t.Parallel()
	checks := "12"
	if long() {
		checks = "1000"
	}
	if set := flag.Lookup("rapid.checks"); set.Value.String() == set.DefValue { // nobody asked for another number
		must(t, flag.Set("rapid.checks", checks))
	}
	w := &syncWorld{t: t, server: start(t, t.TempDir())}
	for _, name := range []string{"one", "two", "three"} {
		w.devices = append(w.devices, newDevice(t, w.server, "ann", name))
	}
	rapid.Check(t, w.check)
	t.Logf("%d syncs, %d of them killed, %d kills of the server, %d contents written", w.syncs, w.kills, w.deaths, w.contents)
}

// syncWorld is what a check is made in. Server and machines serve many checks, folders one.
type syncWorld struct {
	t       *testing.T
	server  *server
	devices []*device
	folders int // that were used before

	written                        map[int]*writing // of this check, by their numbers
	syncs, kills, deaths, contents int
}

// writing is a content that a user has written. Contents tell their numbers in each line, and differ in size.
type writing struct {
	text   string
	where  string
	agreed bool // a sync that ended well has seen it
	gone   bool // a user removed it before any sync could have seen it
}

const lineLength = 16

// write makes a content that there was not before.
func (w *syncWorld) write(r *rapid.T, where string) string {
	n := len(w.written)
	lines := n + 1
	if rapid.IntRange(0, 5).Draw(r, "large") == 0 {
		lines += 20_000 // over the borders of packing and deltas
	}
	c := &writing{text: strings.Repeat(fmt.Sprintf("%0*d\n", lineLength-1, n), lines), where: where}
	w.written[n] = c
	w.contents++
	return c.text
}

// content tells which content a file holds; one that holds no one's is a mixture.
func (w *syncWorld) content(r *rapid.T, text, where string) *writing {
	var n int
	if _, err := fmt.Sscanf(text, "%d\n", &n); err != nil || w.written[n] == nil || w.written[n].text != text {
		r.Fatalf("%s holds what nobody wrote: %d bytes, beginning %.40q, ending %.40q", where, len(text), text, text[max(0, len(text)-40):])
	}
	return w.written[n]
}

// walk calls each with all files of a device, and gives all paths.
func (w *syncWorld) walk(r *rapid.T, d *device, at string, each func(c *writing)) (all []string) {
	err := filepath.WalkDir(d.at(at), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(d.tree, path)
		if rel != "." {
			all = append(all, rel)
		}
		if e.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil && each != nil {
			each(w.content(r, string(b), d.name+":"+rel))
		}
		return err
	})
	w.ok(r, err)
	return all
}

// seen gives the paths of a device that its user would touch: not those of files on their way.
func (w *syncWorld) seen(r *rapid.T, d *device) []string {
	return slices.DeleteFunc(w.walk(r, d, ".", nil), func(path string) bool { return strings.Contains("/"+path, "/.sluice-tmp-") })
}

func (w *syncWorld) ok(r *rapid.T, err error) {
	if err != nil {
		r.Fatal(err)
	}
}

// forget notes that a user removes what is at a path.
func (w *syncWorld) forget(r *rapid.T, d *device, path string) {
	w.walk(r, d, path, func(c *writing) { c.gone = !c.agreed })
}

func (w *syncWorld) check(r *rapid.T) {
	w.folders++
	w.written = make(map[int]*writing)
	for _, d := range w.devices {
		w.ok(r, os.RemoveAll(d.tree))
		d.tree = filepath.Join(d.dir, fmt.Sprint("tree", w.folders))
		d.path = fmt.Sprint("home:tree", w.folders)
		w.ok(r, os.Mkdir(d.tree, 0o755))
	}
	some := func(do func(r *rapid.T, d *device)) func(*rapid.T) {
		return func(r *rapid.T) { do(r, rapid.SampledFrom(w.devices).Draw(r, "device")) }
	}
	user := func(do func(r *rapid.T, d *device)) func(*rapid.T) { // more is done than synced
		return some(func(r *rapid.T, d *device) {
			for range rapid.IntRange(1, 4).Draw(r, "times") {
				do(r, d)
			}
		})
	}
	r.Repeat(map[string]func(*rapid.T){
		"write": user(w.userWrites), "edit": user(w.userEdits), "replace": user(w.userReplaces), "rename": user(w.userRenames),
		"delete": some(w.userDeletes), "mkdir": user(w.userMakesFolder), "swap": some(w.userSwaps),
		"sync":            some(func(r *rapid.T, d *device) { w.sync(r, d, nil) }),
		"sync two":        w.syncTwo,
		"kill the client": some(w.killClient),
		"kill the server": some(w.killServer),
	})
	w.settle(r)
}

// place draws a path: a name in some folder of the device.
func (w *syncWorld) place(r *rapid.T, d *device) string {
	folders := []string{"."}
	for _, path := range w.seen(r, d) {
		if fi, err := os.Lstat(d.at(path)); err == nil && fi.IsDir() && strings.Count(path, "/") < 3 {
			folders = append(folders, path)
		}
	}
	return filepath.Join(rapid.SampledFrom(folders).Draw(r, "folder"), rapid.SampledFrom([]string{"a", "b", "c", "d.txt"}).Draw(r, "name"))
}

// existing draws a path of what is there; empty: there is nothing of the kind.
func (w *syncWorld) existing(r *rapid.T, d *device, files bool) string {
	all := slices.DeleteFunc(w.seen(r, d), func(path string) bool {
		fi, err := os.Lstat(d.at(path))
		return err != nil || files && fi.IsDir()
	})
	if len(all) == 0 {
		return ""
	}
	return rapid.SampledFrom(all).Draw(r, "which")
}

func (w *syncWorld) userWrites(r *rapid.T, d *device) {
	path := w.place(r, d)
	if !d.has(path) {
		w.ok(r, os.WriteFile(d.at(path), []byte(w.write(r, d.name+":"+path)), 0o644))
	}
}

// userEdits writes into a file as it is.
func (w *syncWorld) userEdits(r *rapid.T, d *device) {
	if path := w.existing(r, d, true); path != "" {
		w.forget(r, d, path)
		w.ok(r, os.WriteFile(d.at(path), []byte(w.write(r, d.name+":"+path)), 0o644))
	}
}

// userReplaces puts a new file in a file's place, as editors do.
func (w *syncWorld) userReplaces(r *rapid.T, d *device) {
	if path := w.existing(r, d, true); path != "" {
		w.forget(r, d, path)
		w.ok(r, os.WriteFile(d.at("")+".new", []byte(w.write(r, d.name+":"+path)), 0o600))
		w.ok(r, os.Rename(d.at("")+".new", d.at(path)))
	}
}

func (w *syncWorld) userRenames(r *rapid.T, d *device) {
	from, to := w.existing(r, d, false), w.place(r, d)
	if from != "" && !d.has(to) && !strings.HasPrefix(to+"/", from+"/") {
		w.ok(r, os.Rename(d.at(from), d.at(to)))
	}
}

func (w *syncWorld) userDeletes(r *rapid.T, d *device) {
	if path := w.existing(r, d, false); path != "" {
		w.forget(r, d, path)
		w.ok(r, os.RemoveAll(d.at(path)))
	}
}

func (w *syncWorld) userMakesFolder(r *rapid.T, d *device) {
	if path := w.place(r, d); !d.has(path) {
		w.ok(r, os.Mkdir(d.at(path), 0o755))
	}
}

// userSwaps makes a folder of a file, or a file of a folder.
func (w *syncWorld) userSwaps(r *rapid.T, d *device) {
	path := w.existing(r, d, false)
	if path == "" {
		return
	}
	fi, err := os.Lstat(d.at(path))
	w.ok(r, err)
	w.forget(r, d, path)
	w.ok(r, os.RemoveAll(d.at(path)))
	if fi.IsDir() {
		w.ok(r, os.WriteFile(d.at(path), []byte(w.write(r, d.name+":"+path)), 0o644))
		return
	}
	w.ok(r, os.Mkdir(d.at(path), 0o755))
	w.ok(r, os.WriteFile(d.at(path+"/a"), []byte(w.write(r, d.name+":"+path+"/a")), 0o644))
}

// sync syncs a device, while something is done to it if meanwhile is not nil. It says whether there was nothing to do.
func (w *syncWorld) sync(r *rapid.T, d *device, meanwhile func(pid int)) (idle bool) {
	w.syncs++
	c := d.command(d.args("-y", "-v", "--timeout", "10s")...)
	var log logBuffer
	c.Stdout, c.Stderr = &log, &log
	w.ok(r, c.Start())
	if meanwhile != nil {
		meanwhile(c.Process.Pid)
	}
	stuck := time.AfterFunc(2*time.Minute, func() { c.Process.Signal(syscall.SIGQUIT) })
	defer stuck.Stop()
	c.Wait()
	r.Logf("%s: %s", d.name, log.String())
	switch code := c.ProcessState.ExitCode(); {
	case code == 0, code == 6:
		w.walk(r, d, ".", func(c *writing) { c.agreed = true })
	case meanwhile == nil, code != 5 && code != -1:
		r.Fatalf("the sync of %s ended with %d:\n%s", d.name, code, log.String())
	}
	return strings.Contains(log.String(), "nothing to do")
}

func (w *syncWorld) syncTwo(r *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(r, "but")
	one, two := w.devices[(i+1)%3], w.devices[(i+2)%3]
	c := one.command(one.args("-y", "--timeout", "10s")...)
	w.ok(r, c.Start())
	w.sync(r, two, nil)
	c.Wait()
	w.syncs++
	if code := c.ProcessState.ExitCode(); code != 0 && code != 6 {
		r.Fatalf("the sync of %s beside another ended with %d", one.name, code)
	}
	w.walk(r, one, ".", func(c *writing) { c.agreed = true })
}

// killClient kills a sync at some moment of its life.
func (w *syncWorld) killClient(r *rapid.T, d *device) {
	after := time.Duration(rapid.IntRange(5, 80).Draw(r, "ms")) * time.Millisecond
	w.kills++
	w.sync(r, d, func(pid int) {
		time.Sleep(after)
		syscall.Kill(pid, syscall.SIGKILL) // of a child that is not waited for yet: it is no other's number
	})
}

// killServer kills the server while a device syncs, and starts it again.
func (w *syncWorld) killServer(r *rapid.T, d *device) {
	after := time.Duration(rapid.IntRange(5, 80).Draw(r, "ms")) * time.Millisecond
	w.deaths++
	w.sync(r, d, func(int) {
		time.Sleep(after)
		w.server.again()
	})
}

// settle syncs all until nothing is left to do, and looks at what came of it.
func (w *syncWorld) settle(r *rapid.T) {
	const most = 8
	for round := 1; ; round++ {
		busy := 0
		for _, d := range w.devices {
			if !w.sync(r, d, nil) {
				busy++
			}
		}
		if busy == 0 {
			break
		}
		if round == most {
			r.Fatalf("after %d rounds without any change there is still something to do", round)
		}
	}
	for _, d := range w.devices[1:] {
		if list := differences(w.t, w.devices[0].tree, d.tree); len(list) > 0 {
			r.Fatalf("%s and %s differ:\n%s", w.devices[0].name, d.name, strings.Join(list, "\n"))
		}
		if state := d.report().State; state != "in-sync" {
			r.Fatalf("all is done, and %s says it is %s", d.name, state)
		}
	}
	w.nothingLost(r)
}

// nothingLost looks for all contents that had to stay: in the tree, or in what the server's journal tells was there.
func (w *syncWorld) nothingLost(r *rapid.T) {
	there := make(map[*writing]bool)
	w.walk(r, w.devices[0], ".", func(c *writing) { there[c] = true })
	named := make(map[int]bool)
	out := w.devices[0].must("log", w.devices[0].path, "--json", "--max", "0")
	for line := range strings.Lines(out) {
		var event struct{ Size int }
		w.ok(r, json.Unmarshal([]byte(line), &event))
		named[event.Size] = true
	}
	for n, c := range w.written {
		if !c.gone && !there[c] && !named[len(c.text)] {
			r.Fatalf("content %d, written as %s, is nowhere any more (a sync had seen it: %v)", n, c.where, c.agreed)
		}
	}
}

package e2e

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cables is a bridge with a network namespace for each device, whose cable can be pulled.
type cables struct {
	t    *testing.T
	here string // the server's address
	name string
}

func (c *cables) ip(args ...string) {
	c.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		c.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// newCables makes the bridge, or skips the test.
func newCables(t *testing.T) *cables {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	number := os.Getpid() % 250
	c := &cables{t, fmt.Sprintf("10.214.%d.1", number), fmt.Sprintf("sle%d", os.Getpid())}
	if out, err := exec.Command("ip", "link", "add", c.name, "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("no bridges here: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "link", "del", c.name).Run() })
	c.ip("address", "add", c.here+"/24", "dev", c.name)
	c.ip("link", "set", c.name, "up")
	return c
}

// device makes a device in a namespace of its own.
func (c *cables) device(s *server, i int) *device {
	c.t.Helper()
	m := c.machine()
	m.space = fmt.Sprintf("%s-%d", c.name, i)
	if out, err := exec.Command("ip", "netns", "add", m.space).CombinedOutput(); err != nil {
		c.t.Skipf("no network namespaces here: %v %s", err, out)
	}
	c.t.Cleanup(func() { exec.Command("ip", "netns", "del", m.space).Run() })
	cable := fmt.Sprintf("%s.%d", c.name, i)
	c.ip("link", "add", cable, "type", "veth", "peer", "name", "eth", "netns", m.space)
	c.t.Cleanup(func() { exec.Command("ip", "link", "del", cable).Run() })
	c.ip("link", "set", cable, "master", c.name, "up")
	c.ip("-n", m.space, "address", "add", fmt.Sprintf("%s%d/24", c.here, i+1), "dev", "eth")
	c.ip("-n", m.space, "link", "set", "lo", "up")
	d := &device{machine: m, name: fmt.Sprint("d", i), tree: filepath.Join(m.dir, "tree"), path: "home:tree"}
	must(c.t, os.Mkdir(d.tree, 0o755))
	c.plug(d, "up")
	c.login(s, m)
	return d
}

// machine makes a machine at the server's end of all cables.
func (c *cables) machine() *machine {
	m := bareMachine(c.t)
	m.env = append(m.env, "SLUICE_PLAIN=true")
	return m
}

func (c *cables) login(s *server, m *machine) {
	c.t.Helper()
	r := m.with(password+"\n", "login", "sluice+plain://"+s.address, "--user", "ann", "--password-stdin", "--name", "home")
	if r.code != 0 {
		c.t.Fatalf("login: %+v", r)
	}
}

// plug sets a device's end of its cable up or down.
func (c *cables) plug(d *device, state string) { c.ip("-n", d.space, "link", "set", "eth", state) }

// meddle does one thing that users do in a tree of programs.
func meddle(t *testing.T, random *rand.Rand, d *device, n int) {
	t.Helper()
	var files, folders []string
	filepath.WalkDir(d.tree, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil: // it went meanwhile
		case e.IsDir():
			folders = append(folders, path)
		case e.Type().IsRegular() && !strings.Contains(path, ".sluice-tmp-"):
			files = append(files, path)
		}
		return nil
	})
	if len(files) == 0 {
		return
	}
	file, folder := files[random.IntN(len(files))], folders[random.IntN(len(folders))]
	fresh := filepath.Join(folder, fmt.Sprintf("n%d", n))
	text := []byte(strings.Repeat(fmt.Sprintf("edit %d on %s\n", n, d.name), 1+random.IntN(2000)))
	switch random.IntN(8) { // what a sync was faster with is not there: that is no mistake
	case 0, 1:
		os.WriteFile(file, text, 0o644)
	case 2: // as editors save
		if os.WriteFile(file+"~", text, 0o644) == nil {
			os.Rename(file+"~", file)
		}
	case 3:
		os.WriteFile(fresh, text, 0o600)
	case 4:
		os.Rename(file, fresh)
	case 5:
		os.Remove(file)
	case 6:
		if folder != d.tree {
			os.Rename(folder, filepath.Join(d.tree, fmt.Sprintf("moved%d", n)))
		}
	case 7:
		os.MkdirAll(filepath.Join(fresh, "deep"), 0o755)
	}
}

// agree waits until all devices say that they are in sync and are the same. What one of them does is news to the others,
// so all are asked again until a round finds nothing.
func agree(t *testing.T, devices []*device) {
	t.Helper()
	within(t, 3*time.Minute, "all devices have the same", func() bool {
		for _, d := range devices {
			d.synced()
		}
		for _, d := range devices[1:] {
			if len(differences(t, devices[0].tree, d.tree)) > 0 {
				return false
			}
		}
		return true
	})
	for _, d := range devices {
		if out, err := exec.Command("diff", "-r", "--no-dereference", devices[0].tree, d.tree).CombinedOutput(); err != nil {
			t.Errorf("diff -r: %v\n%s", err, tail(string(out), 2000))
		}
		within(t, 30*time.Second, d.name+" says it is in sync", func() bool { return d.report().State == "in-sync" })
		if r := d.report(); r.Names != int64(len(contents(t, d.tree))) || len(r.Problems) != 0 {
			t.Errorf("status of %s: %+v, with %d names there", d.name, r, len(contents(t, d.tree)))
		}
	}
}

// goSource is the tree that Go's own library is built from: a real one, there wherever tests are.
func goSource(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env GOROOT: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "src")
}

// Three devices in network namespaces of their own keep a tree of programs in step while users edit, cables are pulled,
// and clients and the server are killed.
func TestSyncNamespaces(t *testing.T) {
	c := newCables(t)
	s := start(t, t.TempDir(), "--listen", c.here+":0", "--plain", "allow")
	var devices []*device
	var watchers []*watcher
	for i := range 3 {
		devices = append(devices, c.device(s, i))
	}
	from, last := filepath.Join(goSource(t), "encoding"), 8*time.Second
	if long() {
		from, last = goSource(t), 7*time.Minute
	}
	must(t, os.CopyFS(devices[0].at("src"), os.DirFS(from)))
	for _, d := range devices {
		watchers = append(watchers, d.watch("-y"))
	}
	agree(t, devices)
	near := c.machine()
	c.login(s, near)
	w := testify(t, near, devices)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var edits, pulled, kills, deaths int
	for end := time.Now().Add(last); time.Now().Before(end); {
		i := random.IntN(3)
		switch random.IntN(42) {
		case 0:
			c.plug(devices[i], "down")
			pulled++
		case 1, 2:
			for _, d := range devices {
				c.plug(d, "up")
			}
		case 3:
			watchers[i].kill()
			watchers[i] = devices[i].watch("-y")
			kills++
		case 4:
			s.again("--plain", "allow")
			deaths++
		case 5, 6: // a look at everything is made, and status tells of a new scan
			devices[i].run("wait", "--synced", "--at-most", "2s", devices[i].tree)
		default:
			meddle(t, random, devices[i], edits)
			edits++
			time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
		}
	}
	for _, d := range devices {
		c.plug(d, "up")
	}
	agree(t, devices)
	w.end()
	t.Logf("%d edits, %d cables pulled, %d clients and %d servers killed; %d names in the end", edits, pulled, kills, deaths, devices[0].report().Names)
	for _, w := range watchers {
		w.stop()
	}
}

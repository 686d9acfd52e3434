package syncer

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// rootOf is the node of a local folder.
func rootOf(t *testing.T, dir string) *Node {
	t.Helper()
	at, err := openLocal(dir)
	check(t, err)
	defer at.close()
	local, err := scan(t.Context(), at, &Filter{})
	check(t, err)
	return &local.root
}

// count tells how many hashes of a folder are remembered.
func (h Hashes) count(t *testing.T, dir string) int {
	t.Helper()
	return len(h.read(rootOf(t, dir)).records) / recordLen
}

// quiet waits until what was written is old enough to be remembered, and gives a memory that takes it.
func quiet(t *testing.T) Hashes {
	t.Helper()
	time.Sleep(settle + 5*time.Millisecond)
	return Hashes{Dir: t.TempDir(), young: settle, least: 2}
}

func sumOf(text string) client.Hash { return client.Hash(hash.Sum([]byte(text))) }

// A remembered hash is used instead of reading, and for what has just these facts only. That it is used is seen by a memory
// that lies.
func TestRememberedHashes(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path string)
		used   bool
	}{
		{"nothing", func(*testing.T, string) {}, true},
		{"another folder's name", func(t *testing.T, path string) {
			check(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+" moved"))
		}, true},
		{"edited in place, time set back", func(t *testing.T, path string) {
			st, err := os.Stat(path)
			check(t, err)
			check(t, os.WriteFile(path, []byte("two"), 0o644))
			check(t, os.Chtimes(path, st.ModTime(), st.ModTime()))
		}, false},
		{"replaced by another inode", func(t *testing.T, path string) {
			st, err := os.Stat(path)
			check(t, err)
			check(t, os.WriteFile(path+".new", []byte("two"), 0o644))
			check(t, os.Chtimes(path+".new", st.ModTime(), st.ModTime()))
			check(t, os.Rename(path+".new", path))
		}, false},
		{"another mode", func(t *testing.T, path string) { check(t, os.Chmod(path, 0o600)) }, false},
		{"another time", func(t *testing.T, path string) { check(t, os.Chtimes(path, time.Now(), time.Now())) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, dir := newFake(t), t.TempDir()
			f.crowded = true
			lay(t, dir, "d/a one", "d/b other")
			h := quiet(t)
			mustPush(t, f, dir, func(o *PushOptions) { o.Hashes = h })
			m := h.read(rootOf(t, dir))
			one, lie := sumOf("one"), sumOf("lie")
			at := bytes.Index(m.records, one[:])
			if at < 0 {
				t.Fatal("it is not remembered")
			}
			copy(m.records[at:], lie[:])
			h.shelf().write(m.file(), m.encode())
			f.contents[lie] = []byte("lie")
			test.change(t, filepath.Join(dir, "d", "a"))
			mustPush(t, f, dir, func(o *PushOptions) { o.Hashes, o.Path = h, []string{"q"} })
			e := f.at("q", "d", "a")
			if e == nil {
				e = f.at("q", "d moved", "a")
			}
			if (e.Hash == lie) != test.used {
				t.Errorf("it was put as %q", f.contents[e.Hash])
			}
		})
	}
}

// What was changed a moment before it was read is not remembered: the next change may have the same time.
func TestYoungIsNotRemembered(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one") // with an old mtime
	h := Hashes{Dir: t.TempDir()}
	mustPush(t, f, dir, func(o *PushOptions) { o.Hashes = h })
	if n := h.count(t, dir); n != 0 {
		t.Errorf("%d hashes are remembered", n)
	}
}

// What the server does not hold any more, or another one never held, is read and sent.
func TestRememberedButNotHeld(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "b two", "l ->a")
	h := quiet(t)
	mustPush(t, f, dir, func(o *PushOptions) { o.Hashes = h })
	for _, f := range []*fake{f, newFake(t)} {
		f.server = "2"
		f.put(fakeRoot, "something", "x", 1) // else nothing is asked for
		delete(f.contents, sumOf("one"))
		delete(f.names, nameKey{fakeRoot, "p"})
		totals := mustPush(t, f, dir, func(o *PushOptions) { o.Hashes = h })
		if e := f.at("p", "a"); e == nil || string(f.contents[e.Hash]) != "one" || totals.Sent == 0 {
			t.Errorf("%+v, totals %+v", e, totals)
		}
	}
}

// A memory that is hurt, cut or of another folder is none.
func TestHurtHashes(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	lay(t, dir, "a one", "b two")
	check(t, unix.Link(filepath.Join(dir, "a"), filepath.Join(dir, "c")))
	h := quiet(t)
	mustPush(t, f, dir, func(o *PushOptions) { o.Hashes = h })
	root := rootOf(t, dir)
	m := h.read(root)
	if len(m.records) != 2*recordLen || len(m.places) != 1 || m.places[0].node != f.at("p").Node {
		t.Fatalf("%d bytes of records, places %v", len(m.records), m.places)
	}
	good := m.encode()
	path := h.shelf().path(m.file())
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		check(t, os.WriteFile(path, bad, 0o600))
		if m := h.read(root); len(m.records) > 0 || len(m.places) > 0 {
			t.Fatalf("believed with byte %d changed", i)
		}
		check(t, os.WriteFile(path, good[:i], 0o600))
		if m := h.read(root); len(m.records) > 0 || len(m.places) > 0 {
			t.Fatalf("believed when cut to %d bytes", i)
		}
	}
	check(t, os.WriteFile(path, good, 0o600))
	for _, other := range []Node{{Dev: root.Dev + 1, Ino: root.Ino}, {Dev: root.Dev, Ino: root.Ino + 1}} {
		other.Kind = proto.KindFolder
		check(t, os.WriteFile(h.shelf().path(h.read(&other).file()), good, 0o600))
		if m := h.read(&other); len(m.records) > 0 || len(m.places) > 0 {
			t.Error("the memory of another folder is believed")
		}
	}
	for i := range maxPlaces + 3 {
		m.at(pushed{node: int64(i)})
	}
	m.at(pushed{node: 10})
	if len(m.places) != maxPlaces || m.places[0].node != 10 || m.places[1].node != maxPlaces+2 {
		t.Error("places", m.places)
	}
}

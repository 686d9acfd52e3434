package syncer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

var testKey = listingKey{server: "s", account: "ann", namespace: 3, node: 9}

// randomView makes a tree with names, sizes and numbers of all kinds.
func randomView(t *testing.T, r *rand.Rand, count int) *view {
	t.Helper()
	folders := []int64{9}
	var list []client.Entry
	for i := range count {
		e := client.Entry{Node: int64(10 + i), Parent: folders[r.IntN(len(folders))], Mode: r.Uint32N(0o1000), Mtime: r.Int64() - r.Int64(),
			Version: 1 + r.Int64N(1<<40), Name: fmt.Sprintf("%s\xff%d", strings.Repeat("n", r.IntN(240)), i), Kind: proto.Kind(1 + r.IntN(3))}
		if i%50 == 7 {
			e.Name = fmt.Sprint(tempPrefix, i)
		}
		if e.Kind == proto.KindFolder {
			folders = append(folders, e.Node)
		} else {
			e.Size = r.Int64()
			e.Hash[i%32] = byte(i)
		}
		list = append(list, e)
	}
	root, err := remoteTree(client.Entry{Node: 9}, list)
	if err != nil {
		t.Fatal(err)
	}
	return &view{epoch: r.Int64(), journal: r.Int64(), root: root}
}

// sameTree compares all that is kept of two trees.
func sameTree(a, b *Node) bool {
	strip := func(n *Node) map[int64]string {
		all := map[int64]string{}
		for _, e := range flatten(n) {
			all[e.Node] = fmt.Sprintf("%+v", e)
		}
		return all
	}
	return reflect.DeepEqual(strip(a), strip(b))
}

func TestKeptListing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{0, 1, 2, 40, 700} {
		v := randomView(t, r, count)
		b := encode(testKey, v)
		got := decode(testKey, b)
		if got == nil || got.epoch != v.epoch || got.journal != v.journal || !got.kept || !sameTree(got.root, v.root) {
			t.Fatalf("%d names come back as another view", count)
		}
		var check func(a, b *Node)
		check = func(a, b *Node) {
			for i := range a.Children {
				x, y := &a.Children[i], &b.Children[i]
				if x.Excluded != y.Excluded || x.Hashed != y.Hashed || x.Parent != a || y.Path() != x.Path() {
					t.Fatalf("%q is not as it was listed", x.Name)
				}
				check(x, y)
			}
		}
		check(got.root, v.root)
		for _, other := range []listingKey{{"t", "ann", 3, 9}, {"s", "bob", 3, 9}, {"s", "ann", 4, 9}, {"s", "ann", 3, 8}, {"sa", "nn", 3, 9}} {
			if decode(other, b) != nil {
				t.Errorf("read as the listing of %+v", other)
			}
		}
	}
}

// Whatever is wrong with the bytes, nothing is read; and with a sum that fits, nothing breaks.
func TestHurtListing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := encode(testKey, randomView(t, r, 12))
	for i := range b {
		if decode(testKey, b[:i]) != nil {
			t.Fatalf("the first %d bytes of %d are read", i, len(b))
		}
		bad := bytes.Clone(b)
		bad[i] ^= byte(1 + r.IntN(255))
		if decode(testKey, bad) != nil {
			t.Fatalf("byte %d of %d is wrong, and it is read", i, len(b))
		}
		sealed(bad) // must not panic, nor give a tree with a name that leads elsewhere
		if v := decode(testKey, bad); v != nil {
			for _, e := range flatten(v.root) {
				if proto.CheckName(e.Name) != nil {
					t.Fatalf("a name %q", e.Name)
				}
			}
		}
	}
	for _, bad := range [][]byte{nil, {}, []byte(listingMagic), bytes.Repeat([]byte{0}, 200), bytes.Repeat([]byte{0xff}, 200), append(bytes.Clone(b), 0)} {
		if decode(testKey, bad) != nil {
			t.Errorf("%d bytes of nothing are read", len(bad))
		}
	}
}

// sealed gives bytes a sum that fits.
func sealed(b []byte) {
	sum := hash.Sum(b[:len(b)-sumLen])
	copy(b[len(b)-sumLen:], sum[:])
}

func FuzzKeptListing(f *testing.F) {
	mark := testKey.mark()
	f.Add([]byte("\x01\x02\x01\x01\x02\x01a\x0a\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, rest []byte) {
		b := append([]byte(listingMagic), mark[:]...)
		b = append(append(b, rest...), make([]byte, sumLen)...)
		sealed(b)
		if v := decode(testKey, b); v != nil && decode(testKey, encode(testKey, v)) == nil {
			t.Error("what was read cannot be written")
		}
	})
}

func TestListingsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "listings")
	l := Listings(dir)
	v := randomView(t, rand.New(rand.NewPCG(5, 6)), 20)
	if l.read(testKey) != nil {
		t.Error("something is read from nowhere")
	}
	l.write(testKey, v)
	if got := l.read(testKey); got == nil || !sameTree(got.root, v.root) {
		t.Fatal("it was not kept")
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, l.shelf().path(testKey.file()): 0o600} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", name, st.Mode(), err)
		}
	}
	past := time.Now().Add(-maxListingAge - time.Hour)
	if err := os.Chtimes(l.shelf().path(testKey.file()), past, past); err != nil {
		t.Fatal(err)
	}
	if l.read(testKey) != nil {
		t.Error("a listing of long ago is used")
	}
	left := filepath.Join(dir, ".new-1")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(left, past, past); err != nil {
		t.Fatal(err)
	}
	for i := range maxShelved + 5 {
		k := testKey
		k.node = int64(100 + i)
		l.write(k, v)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != maxShelved {
		t.Errorf("%d files are kept, %v", len(entries), err)
	}
	if l.read(testKey) != nil || !fileGone(left) {
		t.Error("the oldest is still there")
	}
	Listings("").write(testKey, v)
	if Listings("").read(testKey) != nil {
		t.Error("nowhere holds something")
	}
	// A folder that cannot be written to costs nothing but the memory.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	Listings(file).write(testKey, v)
}

func fileGone(path string) bool {
	_, err := os.Lstat(path)
	return os.IsNotExist(err)
}

package state

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestSaveAndReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "state.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	a := root(t, s, "home", "s1", "/x")
	root(t, s, "home", "s2", "/x")
	f := File{Size: 1 << 40, Mtime: -5, Inode: 1<<64 - 1, Ctime: 7, Hash: [32]byte{1, 31: 9}}
	save(t, a, Saved{"dir/\xff%\n", f}, Saved{"gone", f})
	g := f
	g.Size = 3
	save(t, a, Saved{"dir/\xff%\n", g})
	if err := a.Forget([]string{"gone", "never"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a = root(t, s, "home", "s1", "/x")
	b := root(t, s, "home", "s2", "/x")
	all, err := a.All()
	if err != nil || len(all) != 1 || all["dir/\xff%\n"] != g {
		t.Errorf("got %v, %v", all, err)
	}
	if all, err := b.All(); err != nil || len(all) != 0 {
		t.Errorf("another server's files: %v, %v", all, err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700} {
		st, err := os.Stat(name)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", name, st.Mode(), err)
		}
	}
}

func TestSeveralAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			s, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			r, err := s.Root("home", "s", "/x")
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 10 {
				if err := r.Save([]Saved{{Path: fmt.Sprint(i, j)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := root(t, s, "home", "s", "/x").All()
	if err != nil || len(all) != 40 {
		t.Errorf("%d files, %v", len(all), err)
	}
}

func TestNotOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte("this is no database, it is a text long enough to be looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(path); err == nil {
		s.Close()
		t.Error("a text was opened as a state")
	}
}

func root(t *testing.T, s *State, remote, server, dir string) *Root {
	t.Helper()
	r, err := s.Root(remote, server, dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func save(t *testing.T, r *Root, list ...Saved) {
	t.Helper()
	if err := r.Save(list); err != nil {
		t.Fatal(err)
	}
}

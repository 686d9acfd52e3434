package syncer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/state"
)

func unfinished(t *testing.T, path string) []Unfinished {
	t.Helper()
	all, err := AllUnfinished(path)
	check(t, err)
	return all
}

func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	command := []string{"get", "home:a b", ""}
	lost := coded(client.ExitTemporary, "the server is gone")
	for _, c := range []struct {
		name  string
		leave bool
		err   error
		stage string // empty: nothing is remembered
	}{
		{"short and done", false, nil, ""},
		{"short and interrupted", false, ErrInterrupted, ""},
		{"interrupted", true, ErrInterrupted, StageInterrupted},
		{"failed", true, lost, StageFailed},
		{"done", true, nil, ""},
		{"interrupted again", true, ErrInterrupted, StageInterrupted},
		{"done at once", false, nil, ""},
		{"never again", true, coded(client.ExitNotFound, "not there"), ""},
	} {
		before := descriptors(t)
		r := BeginRun(path, command, "home", new(Progress))
		if c.leave {
			r.Partial("x")
			all := unfinished(t, path)
			if len(all) != 1 || all[0].Stage() != StageRunning || all[0].Pid != os.Getpid() || len(all[0].Command) != 3 || all[0].Command[1] != "home:a b" {
				t.Fatalf("%s: %+v", c.name, all)
			}
		}
		r.End(c.err)
		all := unfinished(t, path)
		if c.stage == "" != (len(all) == 0) || len(all) > 0 && all[0].Stage() != c.stage {
			t.Errorf("%s: %+v", c.name, all)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%s: %d descriptors before, %d after", c.name, before, after)
		}
	}
	var none *Run
	none.Partial("x")
	none.Begun(1)
	none.End(nil)
}

// A run that was killed is interrupted; another process that runs the same command is not mistaken for it.
func TestRunKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	r := BeginRun(path, []string{"put"}, "home", new(Progress))
	r.Begun(7)
	second := BeginRun(path, []string{"put"}, "home", new(Progress))
	second.Begun(8)
	second.End(nil)
	if all := unfinished(t, path); len(all) != 1 || !all[0].Running {
		t.Fatalf("the end of a second run ended the first: %+v", all)
	}
	r.mu.Lock()
	unix.Close(r.lock) // what the kernel does for one that is killed
	r.lock = -1
	r.mu.Unlock()
	all := unfinished(t, path)
	if len(all) != 1 || all[0].Stage() != StageInterrupted {
		t.Fatalf("%+v", all)
	}
	check(t, all[0].Pause(path))
	if all = unfinished(t, path); all[0].Stage() != StagePaused {
		t.Errorf("%+v", all)
	}
}

// Who lists what is not done never keeps a run from its lock.
func TestRunListed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	over, asked := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-over:
				asked <- n
				return
			default:
			}
			if _, err := runs(path, 1); err != nil {
				t.Error(err)
			}
		}
	}()
	held := 0
	for range 5000 {
		fd, err := lockRun(path, 1)
		if err != nil {
			t.Errorf("after %d times: %v", held, err)
			break
		}
		if held++; held%100 == 0 {
			if live, err := runs(path, 1); err != nil || !live {
				t.Errorf("a run is said to be over, %v", err)
			}
		}
		unix.Close(fd)
	}
	close(over)
	if n := <-asked; n == 0 {
		t.Error("nobody asked")
	}
	if live, err := runs(path, 1); err != nil || live {
		t.Errorf("a run that is over is said to live, %v", err)
	}
	if live, err := runs(path, 2); err != nil || live {
		t.Errorf("a run that never was is said to live, %v", err)
	}
}

func TestCancelRun(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	part, kept := filepath.Join(dir, partialPrefix+"1"), filepath.Join(dir, "kept")
	for _, name := range []string{part, kept} {
		check(t, os.WriteFile(name, nil, 0o600))
	}
	r := BeginRun(path, []string{"pull"}, "home", new(Progress))
	r.Partial(part)
	r.Partial(kept) // nobody but a partial file is ever removed
	r.Begun(7)
	r.End(ErrInterrupted)
	all := unfinished(t, path)
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	failed := errors.New("no server")
	if err := all[0].Cancel(path, func([]int64) error { return failed }); err != failed {
		t.Errorf("got %v", err)
	}
	if len(unfinished(t, path)) != 1 {
		t.Error("it is forgotten though its upload is there")
	}
	var ended []int64
	check(t, all[0].Cancel(path, func(uploads []int64) error { ended = uploads; return nil }))
	if len(ended) != 1 || ended[0] != 7 || len(unfinished(t, path)) != 0 {
		t.Errorf("ended %v, left %+v", ended, unfinished(t, path))
	}
	if _, err := os.Lstat(part); err == nil {
		t.Error("the partial file is there")
	}
	if _, err := os.Lstat(kept); err != nil {
		t.Error("another file is gone")
	}
	s, err := state.Open(path)
	check(t, err)
	defer s.Close()
	if left, err := s.Remnants(all[0].ID); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestPartial(t *testing.T) {
	dir := t.TempDir()
	h := client.Hash{1, 2, 3}
	first, err := OpenPartial(dir, h)
	check(t, err)
	second, err := OpenPartial(dir, h)
	check(t, err)
	if first.Name() == second.Name() {
		t.Fatal("two runs write to one file")
	}
	second.Failed(ErrInterrupted)
	_, err = first.File.WriteString("some")
	check(t, err)
	first.Failed(ErrInterrupted)
	again, err := OpenPartial(dir, h)
	check(t, err)
	if st, err := again.File.Stat(); err != nil || st.Size() != 4 {
		t.Errorf("what came is lost: %v", err)
	}
	name, err := again.Done()
	check(t, err)
	fresh, err := OpenPartial(dir, h)
	check(t, err)
	if st, _ := fresh.File.Stat(); st.Size() != 0 {
		t.Error("a file that is done is gone on with")
	}
	fresh.Failed(unix.ENOSPC)
	if list, _ := os.ReadDir(dir); len(list) != 1 || list[0].Name() != name {
		t.Errorf("left: %v", list)
	}
	// Somebody else's file, or a link, under the name is left alone.
	check(t, os.Symlink("/etc/passwd", filepath.Join(dir, first.Name())))
	other, err := OpenPartial(dir, h)
	check(t, err)
	if other.Name() == first.Name() {
		t.Error("a link was followed")
	}
	other.Failed(nil)
}

// An interrupted pull leaves its partial file to the next one, whose sweep does not take it for a leftover.
func TestPullGoesOn(t *testing.T) {
	f, from, to := newFake(t), t.TempDir(), t.TempDir()
	lay(t, from, "small x")
	check(t, os.WriteFile(filepath.Join(from, "large"), make([]byte, client.MaxObjectsBody+1), 0o644))
	mustPush(t, f, from, nil)
	f.lost = coded(client.ExitTemporary, "the server is gone")
	o := PullOptions{Common: Common{Server: f, Dir: to, Path: []string{"p"}}}
	_, err := Pull(t.Context(), o)
	if err == nil {
		t.Fatal("the pull ended well")
	}
	f.lost = nil
	totals := mustPull(t, f, to, nil)
	if totals.Sent == 0 || f.resumed == 0 {
		t.Errorf("%+v, gone on with %d", totals, f.resumed)
	}
}

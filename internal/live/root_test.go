package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/mirror"
	"sluice/internal/state"
)

// script is a mirror that does what a test says.
type script struct {
	mu    sync.Mutex
	looks []string // "all", or the parts
	told  chan string
	fail  error
	state *state.Sync
}

func (s *script) look(what string) (*mirror.Result, error) {
	s.mu.Lock()
	s.looks = append(s.looks, what)
	err := s.fail
	s.mu.Unlock()
	if err == nil {
		root, e := s.state.Root()
		if err = e; err == nil {
			root.Scanned, root.Synced, root.Journal = time.Now().UnixNano(), 7, 7
			err = s.state.Apply(&state.SyncBatch{Root: &root})
		}
	}
	s.told <- what
	return &mirror.Result{}, err
}

func (s *script) Run(context.Context) (*mirror.Result, error) { return s.look("all") }

func (s *script) Round(_ context.Context, parts []mirror.Part) (*mirror.Result, error) {
	return s.look(fmt.Sprint(parts))
}

func (s *script) set(err error) {
	s.mu.Lock()
	s.fail = err
	s.mu.Unlock()
}

// expect waits for a look at what is wanted.
func (s *script) expect(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case got := <-s.told:
			if got == want {
				return
			}
			t.Logf("looked at %s", got)
		case <-deadline:
			t.Fatalf("no look at %s", want)
		}
	}
}

type rig struct {
	*script
	dir     string
	root    *Root
	news    bell
	network bell
	ended   chan error
	cancel  context.CancelFunc
}

func newRig(t *testing.T, fail error) *rig {
	t.Helper()
	st, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	dir := t.TempDir()
	sync, err := st.Sync(&state.SyncRoot{Remote: "home", Server: "s", Path: "docs", Dir: dir, Device: "d"})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{script: &script{told: make(chan string, 100), fail: fail, state: sync}, dir: dir, ended: make(chan error, 1)}
	r.root = NewRoot(RootConfig{
		Dir: dir, Remote: "home:docs", State: sync, News: r.news.Subscribe(), Network: r.network.Subscribe(),
		Open: func(context.Context) (Mirror, error) { return r.script, nil },
		Log:  func(format string, args ...any) { t.Logf(format, args...) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.ended <- r.root.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(30 * time.Second):
			t.Error("it does not end")
		}
	})
	return r
}

// becomes waits for a state.
func (r *rig) becomes(t *testing.T, want State) *Report {
	t.Helper()
	var last *Report
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		report, err := r.root.Report()
		if err != nil {
			t.Fatal(err)
		}
		if last = report; report.State == want {
			return report
		}
	}
	t.Fatalf("it is %s (%s), not %s", last.State, last.Why, want)
	return nil
}

func TestWhatMakesItLook(t *testing.T) {
	r := newRig(t, nil)
	r.expect(t, "all")
	if report := r.becomes(t, InSync); report.Journal != 7 || report.Scanned.IsZero() || report.Watched != 1 {
		t.Errorf("report: %+v", report)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.expect(t, "[{f false true}]")
	if err := os.Mkdir(filepath.Join(r.dir, "new"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.expect(t, "[{ false false} {new true false}]")
	r.news.ring()
	r.expect(t, "[]")
	r.root.Nudge()
	r.expect(t, "all")
	if report := r.becomes(t, InSync); report.Asked != 1 || report.Heard != 1 {
		t.Errorf("asked for %d looks, %d made", report.Asked, report.Heard)
	}
}

func TestOffline(t *testing.T) {
	r := newRig(t, client.ErrTimeout)
	r.expect(t, "all")
	report := r.becomes(t, Offline)
	if report.Next.IsZero() || !strings.Contains(report.Why, "in time") {
		t.Errorf("report: %+v", report)
	}
	r.set(nil)
	r.root.away.tries = 20 // minutes, from now on
	r.network.ring()
	r.expect(t, "all")
	r.becomes(t, InSync)
}

func TestRule14InSyncIsNotSaidTooEarly(t *testing.T) {
	r := newRig(t, nil)
	r.expect(t, "all")
	r.becomes(t, InSync)
	r.set(client.ErrTimeout)
	if err := os.WriteFile(filepath.Join(r.dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.becomes(t, Offline)
	if err := r.state.Apply(&state.SyncBatch{Problems: &[]state.SyncProblem{{Path: "f", Reason: "cannot be read"}}}); err != nil {
		t.Fatal(err)
	}
	report, err := Remembered(r.state)
	if err != nil || report.State != Failing {
		t.Errorf("with a failing name: %+v, %v", report, err)
	}
}

func TestAPersonHasToLook(t *testing.T) {
	for name, fail := range map[string]error{
		"revoked": client.NewError("hello", client.Revoked, ""),
		"safety":  &mirror.SafetyError{Reason: "everything is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fail)
			select {
			case err := <-r.ended:
				if !errors.Is(err, fail) {
					t.Errorf("ended with %v", err)
				}
				r.ended <- nil
			case <-time.After(30 * time.Second):
				t.Fatal("it goes on")
			}
			if report := r.becomes(t, Stopped); report.Why == "" {
				t.Error("it does not say why")
			}
			if len(r.looks) != 1 {
				t.Errorf("%d looks, want 1", len(r.looks))
			}
		})
	}
}

// What failed is tried again when its time comes, though other things were looked at meanwhile; and what only has to be
// waited for is no failure.
func TestFailedIsTriedAgain(t *testing.T) {
	r := newRig(t, nil)
	r.expect(t, "all")
	r.becomes(t, InSync)
	for reason, want := range map[string]State{"it could not be read": Failing, "waiting: it is one set": Pending} {
		problems := []state.SyncProblem{{Path: "f", Reason: reason, Retry: time.Now().Add(2 * time.Second).UnixNano()}}
		if err := r.state.Apply(&state.SyncBatch{Problems: &problems}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // looks that find nothing to do
			r.news.ring()
			r.expect(t, "[]")
		}
		if report := r.becomes(t, want); report.Next.IsZero() {
			t.Errorf("%s: when is it tried again? %+v", reason, report)
		}
		r.expect(t, "all")
		problems = nil
		if err := r.state.Apply(&state.SyncBatch{Problems: &problems}); err != nil {
			t.Fatal(err)
		}
		r.root.Nudge()
		r.expect(t, "all")
		r.becomes(t, InSync)
	}
}

func TestLock(t *testing.T) {
	locks, dir := t.TempDir(), t.TempDir()
	l, err := TakeLock(locks, dir)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := TakeLock(locks, link); !errors.As(err, &held) || held.Pid != os.Getpid() || client.ExitCode(err) != client.ExitTemporary {
		t.Errorf("a second one by another path: %v", err)
	}
	l.Free()
	again, err := TakeLock(locks, dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Free()
}

func TestSocket(t *testing.T) {
	sockets := filepath.Join(t.TempDir(), "sluice")
	if list, err := Ask(sockets, Question{Command: "status"}); err != nil || len(list) != 0 {
		t.Errorf("nobody: %v, %v", list, err)
	}
	r := newRig(t, nil)
	r.expect(t, "all")
	end, err := Serve(sockets, []*Root{r.root})
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(sockets, "1.sock")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(dead, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	list, err := Ask(sockets, Question{Command: "look", Dir: r.dir})
	if err != nil || len(list) != 1 || list[0].Pid != os.Getpid() || list[0].Asked != 1 {
		t.Fatalf("look: %+v, %v", list, err)
	}
	r.expect(t, "all")
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Error("a dead socket stays")
	}
	if _, err := Ask(sockets, Question{Command: "nonsense"}); err == nil {
		t.Error("nonsense is answered")
	}
	if list, err := Ask(sockets, Question{Command: "status", Dir: "/elsewhere"}); err != nil || len(list) != 0 {
		t.Errorf("another folder: %v, %v", list, err)
	}
	end()
	if list, err := Ask(sockets, Question{Command: "status"}); err != nil || len(list) != 0 {
		t.Errorf("after the end: %v, %v", list, err)
	}
}

func TestPauses(t *testing.T) {
	var p pauses
	for i := range 40 {
		want := min(firstPause<<min(i, 20), mostPause)
		if d := p.next(); d < want/2 || d > want {
			t.Errorf("pause %d is %s, want up to %s", i, d, want)
		}
	}
	p.reset()
	if d := p.next(); d > firstPause {
		t.Errorf("after a success %s", d)
	}
}

package torture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// TestLeftInLog kills a worker in a commit whose frames are whole in the database's log and not yet synced. Those who live on
// know nothing of it. Once none of them is left, their successors read the log anew and find it: then all of it is there at
// once, it is synced before anybody is shown it, and its repetition is answered with what the worker would have said.
func TestLeftInLog(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		t.Run(map[bool]string{false: "each", true: "all"}[all], func(t *testing.T) {
			t.Parallel()
			r := begin(t)
			s := r.newServer(r.path("data"), 2)
			tap := s.tap()
			s.start()
			s.ready()
			leftInLog(s, tap, all)
			s.ready()
			s.mustAnswer()
			s.stop()
			s.checkAll("after a drain")
		})
	}
}

func leftInLog(s *server, tap *tap, all bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	one, victim, folder := s.clientOfWorker(tap, 0)
	other, survivor, _ := s.clientOfWorker(tap, victim)

	asked := &client.CommitRequest{Key: client.Key{1}, All: all}
	change := func(c client.Change) {
		c.Mode, c.Mtime, c.Parent = 0o755, 1, client.Place{Node: folder}
		asked.Changes = append(asked.Changes, c)
	}
	first, err := one.Commit(ctx, &client.CommitRequest{Changes: []client.Change{
		{Op: client.OpMkdir, Parent: client.Place{Node: folder}, Name: "old", Mode: 0o755, Mtime: 1},
		{Op: client.OpMkdir, Parent: client.Place{Node: folder}, Name: "moved", Mode: 0o755, Mtime: 1},
	}})
	s.must(err)
	const before, after = "moved old", "new00 new01 new02 new03 new04 new05 new06 new07 new08 new09 renamed"
	for i := range 10 {
		change(client.Change{Op: client.OpMkdir, Name: fmt.Sprintf("new%02d", i)})
	}
	change(client.Change{Op: client.OpDelete, Node: first.Entries[0].Node, Expect: first.Entries[0].Version})
	change(client.Change{Op: client.OpMove, Node: first.Entries[1].Node, ExpectNode: first.Entries[1].Version, Name: "renamed"})
	names := func(remote *client.Remote) string {
		s.Helper()
		list, err := remote.List(ctx, folder)
		s.must(err)
		var names []string
		for _, e := range list.Entries {
			names = append(names, e.Name)
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}

	// The parent starts no successor meanwhile, whose first commit would take the place in the log.
	parent := s.parent()
	s.must(unix.Kill(parent, unix.SIGSTOP))
	defer unix.Kill(parent, unix.SIGCONT)
	tap.recorded()
	tap.arm(fault{call: "fdatasync", match: func(e *event) bool { return e.pid == victim && e.path == databaseLog && tap.committing(e) }, nth: 1, kill: true})
	if _, err := one.Commit(ctx, asked); err == nil {
		s.Fatal("a commit was answered before it was synced")
	}
	if fired, pid := tap.disarm(); fired != 1 || pid != victim {
		s.Fatalf("%d workers were killed, process %d last, and not process %d", fired, pid, victim)
	}
	if got := names(other); got != before {
		s.Errorf("before the log is read anew: %q", got)
	}
	want := after
	for _, e := range tap.recorded() {
		if e.call == "pwrite64" && e.path == databaseLog && e.pid == survivor { // the keeper
			want = before
		}
	}
	s.must(unix.Kill(survivor, unix.SIGKILL))
	s.must(unix.Kill(parent, unix.SIGCONT))

	last := s.dialRemote(client.Options{Connections: 1, Timeout: startLimit})
	if got := names(last); got != want {
		s.Errorf("after the log was read anew: %q", got)
	}
	if calls := told(tap.recorded()); !strings.Contains(calls, " fdatasync "+databaseLog) {
		s.Errorf("what was found in the log is shown before it is synced:\n%s", calls)
	}
	reply, err := last.Commit(ctx, asked)
	s.must(err)
	for i, e := range reply.Entries {
		if e.Code != client.OK {
			s.Errorf("entry %d of the repetition: %v", i, e.Code)
		}
	}
	if got := names(last); got != after {
		s.Errorf("after the repetition: %q", got)
	}
}

// clientOfWorker gives a client whose one connection a worker other than that process has, which worker that is, and a folder.
func (s *server) clientOfWorker(tap *tap, not int) (remote *client.Remote, worker int, folder int64) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for i := range 20 { // new connections go to the worker that has the fewest
		remote := s.dialRemote(client.Options{Connections: 1, Retries: -1, Timeout: startLimit})
		tap.recorded()
		reply, err := remote.Commit(ctx, &client.CommitRequest{Changes: []client.Change{{Op: client.OpMkdir,
			Parent: client.Place{Node: remote.Hello().Root}, Name: fmt.Sprintf("folder %d %d", not, i), Mode: 0o755, Mtime: time.Now().UnixNano()}}})
		s.must(err)
		for _, e := range tap.recorded() {
			if e.call == "pwrite64" && e.path == databaseLog && e.pid != not {
				return remote, e.pid, reply.Entries[0].Node
			}
		}
	}
	s.Fatalf("no client's worker is another than process %d", not)
	return nil, 0, 0
}

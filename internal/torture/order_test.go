package torture

import (
	"context"
	"fmt"
	"path"
	"strings"
	"testing"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// TestOrder looks at the order of the server's system calls, request by request: what store/DESIGN.md says is done before the
// commit is done before it, and the commit before the reply. It sees what no crash on ext4 or XFS can show, as these keep a
// new name with the file's first sync; other file systems do not promise that.
func TestOrder(t *testing.T) {
	t.Parallel()
	r := begin(t)
	s := r.newServer(r.path("data"), 1)
	tap := s.tap()
	s.start()
	remote := s.dialRemote(client.Options{Connections: 1, Retries: -1})
	ctx := context.Background()
	put := func(bodies ...[]byte) {
		r.Helper()
		objects := make([]client.Object, len(bodies))
		for i, b := range bodies {
			objects[i] = client.Object{Hash: client.Sum(b), Size: int64(len(b))}
		}
		failed, err := remote.PutObjects(ctx, objects, bodies)
		r.must(err)
		if len(failed) > 0 {
			r.Fatalf("refused: %v", failed)
		}
	}
	seed := r.seed
	body := func(n int) []byte {
		b := make([]byte, n)
		seed++
		fill(b, seed)
		return b
	}
	committed := body(500)
	var upload int64
	large := body(client.ChunkSize + 100<<10)
	w := s.dial()
	defer w.Close()
	ask := func(t proto.Type, h proto.Header, body []byte) {
		r.Helper()
		code, err := w.ask(t, h, body)
		r.must(err)
		if code != proto.OK {
			r.Fatalf("%v: %v", t, code)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"the first small content", func() { put(body(100)) }},
		{"small contents in memory", func() { put(body(100), body(5000), nil, body(20_000)) }},
		{"small contents in a segment", func() { put(body(60<<10), body(60<<10), body(10)) }},
		{"a file of its own", func() { put(body(200 << 10)) }},
		{"all kinds at once", func() { put(body(1000), body(300<<10), body(2000), body(1<<20), body(50<<10)) }},
		{"a content to be named", func() { put(committed) }},
		{"a commit", func() {
			_, err := remote.Commit(ctx, &client.CommitRequest{Changes: []client.Change{{Op: client.OpPut, Kind: client.KindFile, Name: "f",
				Parent: client.Place{Node: remote.Hello().Root}, Hash: client.Sum(committed), Size: int64(len(committed)), Mode: 0o644, Expect: 0}}})
			r.must(err)
		}},
		{"upload-open", func() {
			_, err := w.Write(w.frame(proto.TypeUploadOpen, (&proto.UploadOpen{Key: proto.Key{1}, Size: int64(len(large))}).Append(nil), nil))
			r.must(err)
			reply, err := w.read()
			r.must(err)
			opened, err := proto.ParseUploadOpenReply(reply.header)
			r.must(err)
			upload = opened.Upload
		}},
		{"chunk 1", func() { ask(proto.TypeUploadChunk, chunkOf(upload, 1, large), large[client.ChunkSize:]) }},
		{"chunk 0", func() { ask(proto.TypeUploadChunk, chunkOf(upload, 0, large), large[:client.ChunkSize]) }},
		{"upload-seal", func() {
			ask(proto.TypeUploadSeal, &proto.UploadSeal{Key: proto.Key{2}, Upload: upload, Size: int64(len(large)), Hash: client.Sum(large)}, nil)
		}},
	} {
		tap.recorded()
		step.do()
		events := tap.recorded()
		if commits, problems := outOfOrder(events); len(problems) > 0 {
			r.Errorf("%s:\n  %s\n%s", step.name, strings.Join(problems, "\n  "), told(events))
		} else if commits == 0 {
			r.Errorf("%s: no commit was seen\n%s", step.name, told(events))
		}
	}
	s.mustAnswer()
}

const databaseLog = "sluice.db-wal"

// TestOrderOfStore is TestOrder for what a store does beside everyday, and for its commands: what TestNthCallOfStore tries.
func TestOrderOfStore(t *testing.T) {
	t.Parallel()
	r := begin(t)
	n := r.newNth(r.path("data"))
	for _, trial := range storeTrials() {
		if trial.reads || trial.disk != "" || trial.calls != nil {
			continue
		}
		trial.prepare(n)
		n.tap.recorded()
		r.must(trial.do(n))
		events := n.tap.recorded()
		if trial.after != nil {
			trial.after(n)
		}
		commits, problems := outOfOrder(events)
		if commits == 0 {
			problems = append(problems, "no commit was seen")
		}
		for _, p := range problems {
			r.Errorf("%s: %s", trial.name, p)
		}
		if len(problems) > 0 {
			r.Log(told(events))
		}
	}
	n.mustAnswer()
}

// outOfOrder finds what was not durable when something that relies on it was made durable or answered, and counts commits.
//
// A commit writes its frames and syncs them in one call of SQLite, and so in one thread. Another thread that syncs the log is
// about to move into the database what was committed before: no commit's bytes need be durable by then, and none relies on it.
func outOfOrder(events []event) (commits int, problems []string) {
	written, names := make(map[string]bool), make(map[string]string) // not synced: files; folders, with a name in them
	committing := 0                                                  // the thread that wrote to the log
	for _, e := range events {
		kept := strings.HasPrefix(e.path, "objects") || strings.HasPrefix(e.path, "segments")
		switch e.call {
		case "openat", "mkdirat":
			if kept && (e.created || e.call == "mkdirat") {
				names[path.Dir(e.path)] = "the name " + path.Base(e.path)
			}
		case "unlinkat", "renameat2": // the row is to outlive the file
			if kept {
				delete(written, e.path)
				names[path.Dir(e.path)] = "the end of " + path.Base(e.path)
			}
		case "pwrite64", "splice":
			if (kept || e.path == databaseLog) && (e.call == "pwrite64" || e.into) {
				written[e.path] = true
			}
			if e.path == databaseLog {
				committing = e.thread
			}
		case "fdatasync", "fsync":
			if e.path != databaseLog {
				delete(written, e.path)
				delete(names, e.path)
				continue
			}
			if !written[databaseLog] || e.thread != committing {
				continue
			}
			commits++
			delete(written, databaseLog)
			for file := range written {
				problems = append(problems, "the commit is synced before the bytes of "+file)
			}
			for folder, name := range names {
				problems = append(problems, fmt.Sprintf("the commit is synced before %s in %s", name, folder))
			}
		}
	}
	if written[databaseLog] {
		problems = append(problems, "the reply comes before the commit is synced")
	}
	return commits, problems
}

// TestJudgeOfOrder holds the judge of TestOrder against records that are known to be in order, or not.
func TestJudgeOfOrder(t *testing.T) {
	const object, bytes, noReply = "objects/1/2", "the commit is synced before the bytes of objects/1/2", "the reply comes before the commit is synced"
	do := func(thread int, call, path string) event {
		return event{thread: thread, call: call, path: path, into: call == "splice"}
	}
	write, sync := do(1, "splice", object), do(2, "fdatasync", object)
	frames, commit := do(3, "pwrite64", databaseLog), do(3, "fdatasync", databaseLog)
	moving, moved := do(4, "fdatasync", databaseLog), do(4, "pwrite64", "sluice.db")
	made := event{thread: 1, call: "openat", path: object, created: true}
	removed, folder := do(1, "unlinkat", object), do(1, "fsync", "objects/1")
	for _, test := range []struct {
		name    string
		events  []event
		commits int
		problem string
	}{
		{"in order", []event{write, sync, frames, commit}, 1, ""},
		{"two commits", []event{frames, commit, write, sync, frames, commit}, 2, ""},
		{"the log is moved while bytes come", []event{write, moving, moved, sync, frames, moved, commit, moved}, 1, ""},
		{"the log is moved by the thread that committed last", []event{frames, commit, write, commit, sync, frames, commit}, 2, ""},
		{"the bytes are not synced", []event{write, frames, commit}, 1, bytes},
		{"the bytes are not synced, and the log is moved", []event{write, moving, moved, frames, commit}, 1, bytes},
		{"the bytes are synced last", []event{write, frames, commit, sync}, 1, bytes},
		{"the name is not synced", []event{made, write, sync, frames, commit}, 1, "the commit is synced before the name 2 in objects/1"},
		{"a file is removed", []event{frames, commit, removed, folder, frames, commit}, 2, ""},
		{"a file's end is not synced", []event{removed, frames, commit, folder}, 1, "the commit is synced before the end of 2 in objects/1"},
		{"the frames are not synced", []event{write, sync, frames}, 0, noReply},
		{"the frames are not synced, but the log is moved", []event{write, sync, frames, moving, moved}, 0, noReply},
		{"no commit", []event{write, sync, moving, moved}, 0, ""},
	} {
		commits, problems := outOfOrder(test.events)
		if got := strings.Join(problems, "; "); commits != test.commits || got != test.problem {
			t.Errorf("%s: %d commits, %q; wanted %d, %q", test.name, commits, got, test.commits, test.problem)
		}
	}
}

// told is a record in short, reads left out.
func told(events []event) string {
	var b strings.Builder
	for _, e := range events {
		if e.call != "pread64" {
			fmt.Fprintf(&b, "    %d %s %s", e.thread, e.call, e.path)
			if e.length > 0 {
				fmt.Fprintf(&b, " %d at %d", e.length, e.offset)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// chunkOf is the header of a chunk of a content that is in memory.
func chunkOf(upload, index int64, whole []byte) *proto.UploadChunk {
	b := whole[index*client.ChunkSize:]
	b = b[:min(len(b), client.ChunkSize)]
	return &proto.UploadChunk{Upload: upload, Index: index, Value: chunkValue(b, index)}
}

package torture

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// TestFailingSyncOfChanges is D6 for what changes names, and for what the server makes of contents it has. The request is refused
// and nothing of it is there; the worker writes no more and goes on reading; its successor carries out the same request.
func TestFailingSyncOfChanges(t *testing.T) {
	t.Parallel()
	r := begin(t)
	n := r.newNth(r.path("data"))
	n.addUser("bob")
	bob := n.dialAs("bob", client.Options{})
	ctx := context.Background()
	root := n.remote.Hello().Root

	commit := func(q *client.CommitRequest) (node, version int64, err error) {
		reply, err := n.remote.Commit(ctx, q)
		if err != nil {
			return 0, 0, err
		}
		e := reply.Entries[0]
		if e.Code != client.OK {
			return 0, 0, client.NewError("commit", e.Code, e.Message)
		}
		return e.Node, e.Version, nil
	}
	naming := func(name string, b []byte) *client.CommitRequest {
		r.Helper()
		r.must(n.put(b))
		return &client.CommitRequest{Key: client.Key(n.body(16)), Changes: []client.Change{{Op: client.OpPut, Kind: client.KindFile, Name: name,
			Parent: client.Place{Node: root}, Hash: client.Sum(b), Size: int64(len(b)), Mode: 0o644, Expect: client.ExpectAny}}}
	}
	holds := func(name string, b []byte) func() bool {
		return func() bool {
			reply, err := n.remote.Stat(ctx, 0, []string{name})
			r.must(err)
			return len(reply.Entries) == 2 && reply.Entries[1].Hash == client.Sum(b)
		}
	}
	held := func(b []byte) func() bool {
		return func() bool {
			all, err := n.remote.Have(ctx, []client.Hash{client.Sum(b)})
			r.must(err)
			return all.Get(0)
		}
	}
	deleted := func(name string, b []byte) (number int64) {
		r.Helper()
		node, version, err := commit(naming(name, b))
		r.must(err)
		_, number, err = commit(&client.CommitRequest{Key: client.Key(n.body(16)), Changes: []client.Change{{Op: client.OpDelete, Node: node, Expect: version}}})
		r.must(err)
		return number
	}
	small, older, large, proven := n.body(700), n.body(800), n.body(client.ChunkSize+1<<20), n.body(client.LeastProof+1<<20)
	changed := bytes.Clone(large)
	fill(changed[100_000:160_000], n.next)

	var request *client.CommitRequest
	var restore client.RestoreRequest
	restored := func() error { _, err := n.remote.Restore(ctx, restore); return err }
	log := fault{call: "fdatasync", match: func(e *event) bool { return strings.HasPrefix(e.path, databaseLog) && n.tap.committing(e) }}
	tests := []struct {
		name    string
		fault   fault
		prepare func()
		do      func() error
		there   func() bool
	}{
		{"a commit", log, func() { request = naming("named", small) },
			func() error { _, _, err := commit(request); return err }, holds("named", small)},
		{"a restore from the trash", log, func() { restore = client.RestoreRequest{Key: client.Key(n.body(16)), Trash: deleted("trashed", small)} },
			restored, holds("trashed", small)},
		{"a restore as of a time", log, func() {
			node, _, err := commit(naming("changed", older))
			r.must(err)
			restore = client.RestoreRequest{Key: client.Key(n.body(16)), Node: node, At: time.Now().UnixNano()}
			_, _, err = commit(naming("changed", small))
			r.must(err)
		}, restored, holds("changed", older)},
		{"an emptied trash", log, func() { deleted("given up", small) },
			func() error { _, err := n.remote.TrashEmpty(ctx, time.Now().UnixNano(), false); return err },
			func() bool {
				left := 0
				r.must(n.remote.Trash(ctx, func(*client.Trashed) bool { left++; return true }))
				return left == 0
			}},
		{"a proof", log, func() {
			failed, err := bob.PutObjects(ctx, []client.Object{{Hash: client.Sum(proven), Size: int64(len(proven))}}, [][]byte{proven})
			if err != nil || len(failed) > 0 {
				r.Fatal(failed, err)
			}
		}, func() error {
			linked, err := n.remote.Spare(ctx, []client.Object{{Hash: client.Sum(proven), Size: int64(len(proven))}},
				func(int) io.ReaderAt { return bytes.NewReader(proven) }, client.Sparing{Always: true})
			if err == nil && !linked.Get(0) {
				err = errors.New("the proof is not taken")
			}
			return err
		}, held(proven)},
		{"a chunk put together", fault{call: "fdatasync", match: func(e *event) bool { return strings.HasPrefix(e.path, "objects/") }},
			func() {
				_, err := n.remote.Upload(ctx, n.fileOf(large), int64(len(large)), client.UploadOptions{})
				r.must(err)
			},
			func() error {
				done, err := n.remote.Upload(ctx, n.fileOf(changed), int64(len(changed)),
					client.UploadOptions{Older: client.Known{Hash: client.Sum(large), Size: int64(len(large))}})
				if err == nil && done.Copied < client.ChunkSize {
					r.Errorf("%d bytes were copied, and the rest sent", done.Copied)
				}
				return err
			}, held(changed)},
	}
	for _, test := range tests {
		test.prepare()
		f := test.fault
		f.nth, f.errno = 1, unix.EIO
		n.tap.recorded()
		n.tap.arm(f)
		err := test.do()
		if fired, _ := n.tap.disarm(); fired != 1 || client.CodeOf(err) != codeReadOnly {
			r.Fatalf("%s: the sync failed %d times, and the answer is %v", test.name, fired, err)
		}
		for range 2 { // every further sync would succeed
			if err := test.do(); client.CodeOf(err) != codeReadOnly {
				r.Errorf("%s: asked again of the same worker: %v", test.name, err)
			}
		}
		if test.there() {
			r.Errorf("%s: what was refused is there", test.name)
		}
		if st := n.mustStatus().Workers[0]; !st.ReadOnly {
			n.within(10*time.Second, "status shows that the worker writes no more", func() bool { return n.mustStatus().Workers[0].ReadOnly })
		}
		n.replace()
		if err := n.patiently(test.do); err != nil || !test.there() {
			r.Errorf("%s: asked of the next worker: %v, there: %v", test.name, err, test.there())
		}
	}
	n.whole()
	for _, test := range tests {
		if !test.there() {
			r.Errorf("%s: gone when the server was started again", test.name)
		}
	}
	r.Logf("%d requests", len(tests))
}

// fileOf is a file outside of the victim's disk that holds some bytes.
func (r *round) fileOf(b []byte) *os.File {
	r.Helper()
	sum := client.Sum(b)
	path := r.path("file-%x", sum[:4])
	r.must(os.WriteFile(path, b, 0o600))
	f, err := os.Open(path)
	r.must(err)
	r.Cleanup(func() { f.Close() })
	return f
}

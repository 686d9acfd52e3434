package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/delta"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// storeManners are those of everyday, and of calls that only come where contents are shared, cut or moved out of the way.
var storeManners = append(slices.Clone(manners),
	manner{"ioctl", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR, unix.EOPNOTSUPP}, false}, // that share extents
	manner{"copy_file_range", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR, unix.EXDEV}, true},
	manner{"truncate", []unix.Errno{unix.EIO, unix.EINTR}, false},
	manner{"renameat2", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EXDEV}, false},
)

// TestNthCallOfStore is D5 for what goes on with uploads, puts contents together, proves, restores, empties the trash, and for
// the commands that collect, scrub, repair and import. A short round has the first call of each kind fail.
func TestNthCallOfStore(t *testing.T) {
	t.Parallel()
	r := begin(t)
	only := os.Getenv(caseVariable)
	if !r.long || only != "" {
		n := r.newNth(r.path("data"))
		if only != "" {
			n.alone(only, storeTrials(), storeManners)
			return
		}
		for _, trial := range storeTrials() {
			if trial.disk == "" && (trial.short == nil || len(trial.short) > 0) {
				n.everyCall(&trial)
			}
		}
		n.finish()
		return
	}
	for _, trial := range storeTrials() {
		t.Run(trial.name, func(t *testing.T) {
			r := begin(t)
			data := r.path("data")
			if trial.disk != "" {
				r.needDisk(trial.disk)
				data = filepath.Join(r.newDisk(trial.disk, "2G", "").mount, "data")
			}
			n := r.newNth(data)
			n.everyCall(&trial)
			n.finish()
		})
	}
}

// everyCall tries a request with each call that it makes. One run without a failure shows which these are.
func (n *nth) everyCall(trial *trial) {
	n.Helper()
	began, runs, fired := time.Now(), n.runs, n.fired
	comes, random := make(map[string]bool), n.random(2)
	n.run(trial, fault{call: every, nth: 1, match: func(e *event) bool { comes[e.call] = true; return false }})
	for f := range faultsOf(storeManners) {
		switch {
		case !comes[f.call] || trial.calls != nil && !slices.Contains(trial.calls, f.call):
		case n.long:
			if random.Float64() < n.share {
				n.series(trial, f)
			}
		default:
			delete(comes, f.call)
			if f.nth = 1; trial.short == nil || slices.Contains(trial.short, f.call) {
				n.run(trial, f)
			}
		}
		if n.Failed() {
			n.FailNow()
		}
	}
	if trial.after != nil {
		trial.after(n)
	}
	n.Logf("%s: %d runs, %d failures injected, in %v", trial.name, n.runs-runs, n.fired-fired, time.Since(began).Round(time.Millisecond))
}

// finish looks at everything.
func (n *nth) finish() {
	n.Helper()
	n.whole()
	n.Logf("%d runs, %d failures injected, %d workers replaced, %d contents and %d names kept", n.runs, n.fired, n.lives, len(n.kept), len(n.names))
}

// storeTrials are the requests of what a store does beside everyday's, and its commands.
func storeTrials() []trial {
	return slices.Concat(partialTrials(), assembleTrials(), historyTrials(), commandTrials())
}

// sparse opens an upload of the content in hand, whose first chunk is zeros.
func (n *nth) sparse(key byte) error {
	var p proto.Probe // of the client's own making: who lies harms nobody else
	fill(p.Middle[:], n.hand.keyed)
	return n.open(&proto.UploadOpen{Key: n.key(key), Size: int64(len(n.hand.source)), Probe: &p, Sparse: true})
}

// zeros has the first chunk made of zeros.
func (n *nth) zeros() error {
	_, err := n.ask(proto.TypeAssemble, &proto.UploadAssemble{Upload: n.hand.upload, Value: hash.ChunkValue(n.hand.source[:client.ChunkSize], 0),
		Ranges: []proto.Range{{Kind: proto.Zero, Length: client.ChunkSize}}}, nil)
	return err
}

// partialTrials are about uploads of which only a part is there.
func partialTrials() []trial {
	begun := func(n *nth) {
		n.take(append(make([]byte, client.ChunkSize), n.body(30_000)...))
		n.surely(func() error { return n.sparse(0) })
		n.surely(func() error { return n.chunk(1) })
	}
	resume := func(n *nth) error {
		before := n.hand.upload
		if err := n.sparse(2); err != nil {
			return err
		}
		if n.hand.upload != before {
			return fmt.Errorf("upload %d is not gone on with, but %d begun: %w", before, n.hand.upload, client.ErrIntegrity)
		}
		return nil
	}
	whole := func(n *nth) error { // what is there is not sent again, and makes a content
		for _, part := range []func() error{n.zeros, n.seal, n.read} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	}
	cancel := func(n *nth) error {
		_, err := n.ask(proto.TypeUploadCancel, &proto.UploadCancel{Key: n.key(3), Upload: n.hand.upload}, nil)
		return err
	}
	return []trial{
		{name: "an upload gone on with", prepare: begun, do: resume, again: func(n *nth) error { return errors.Join(resume(n), whole(n)) }},
		{name: "a chunk of zeros", short: []string{"fallocate", "fdatasync"}, prepare: begun, do: (*nth).zeros, again: whole},
		{name: "a seal of two chunks", short: []string{"fdatasync"}, prepare: func(n *nth) { begun(n); n.surely(n.zeros) }, do: (*nth).seal,
			again: func(n *nth) error { return errors.Join(n.seal(), n.read()) }},
		{name: "upload-cancel", short: []string{"unlinkat", "fdatasync"}, prepare: begun, do: cancel, again: cancel},
	}
}

// assembleTrials are about what is made of contents that are there.
func assembleTrials() []trial {
	var base, small []byte // in a file of its own, in a segment
	ctx := context.Background()
	const shared, crumb, literal, zero = 192 << 10, 5000, 3000, 20_000
	based := func(n *nth) {
		base, small = n.body(shared+10_000), n.body(50_000)
		n.surely(func() error { return n.put(base, small) })
	}
	opened := func(n *nth) {
		based(n)
		n.take(slices.Concat(base[:shared], small[77:77+crumb], n.body(literal), make([]byte, zero)))
		n.surely(func() error {
			return n.open(&proto.UploadOpen{Key: n.key(0), Size: int64(len(n.hand.source)), Sparse: true})
		})
	}
	assemble := func(n *nth) error {
		_, err := n.ask(proto.TypeAssemble, &proto.UploadAssemble{
			Upload: n.hand.upload, Value: chunkValue(n.hand.source, 0), From: []proto.Hash{client.Sum(base), client.Sum(small)},
			Ranges: []proto.Range{{Kind: proto.Copied, Length: shared}, {Kind: proto.Copied, Length: crumb, From: 1, Offset: 77},
				{Kind: proto.Literal, Length: literal}, {Kind: proto.Zero, Length: zero}},
		}, n.hand.source[shared+crumb:shared+crumb+literal])
		return err
	}
	whole := func(n *nth) error {
		for _, part := range []func() error{func() error { return assemble(n) }, n.seal, n.read} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	}
	signature := func(sums bool) func(n *nth) error {
		return func(n *nth) error {
			reply, err := n.ask(proto.TypeSignature, &proto.SignatureRequest{Hash: client.Sum(base), Block: proto.LeastBlock, Count: 100, Sums: sums}, nil)
			if err != nil {
				return err
			}
			var want []byte
			size, blocks := int64(len(base)), delta.Blocks(int64(len(base)), proto.LeastBlock)
			if sums {
				want, err = delta.AppendSums(nil, bytes.NewReader(base), size, proto.LeastBlock, 0, blocks, make([]byte, 256<<10))
			} else {
				want, err = delta.AppendEntries(nil, bytes.NewReader(base), size, proto.LeastBlock, 0, blocks)
			}
			n.must(err)
			if !bytes.Equal(reply.body, want) {
				return fmt.Errorf("a wrong signature: %w", client.ErrIntegrity)
			}
			return nil
		}
	}
	var nonce []byte
	object := func(n *nth) client.Object {
		return client.Object{Hash: client.Sum(n.hand.source), Size: int64(len(n.hand.source))}
	}
	prove := func(n *nth) error {
		linked, err := n.remote.Prove(ctx, []client.Claim{{Object: object(n), Nonce: nonce, Content: bytes.NewReader(n.hand.source)}})
		if err == nil && !linked.Get(0) {
			err = errors.New("the proof is not taken")
		}
		return err
	}
	return []trial{
		{name: "upload-assemble", prepare: opened, do: assemble, again: whole},
		{name: "upload-assemble, extents shared", disk: "xfs", prepare: opened, do: assemble, again: whole},
		{name: "a life's first upload-assemble", calls: []string{"ioctl"}, prepare: func(n *nth) { n.replace(); opened(n) }, do: assemble, again: whole},
		{name: "signature", reads: true, prepare: func(n *nth) { based(n); n.replace() }, do: signature(false), again: signature(false)},
		{name: "signature, sums", reads: true, prepare: based, do: signature(true), again: signature(true)},
		// A content that cannot be read is answered as a wrong proof is: it is to be sent then.
		{name: "prove", lost: true, short: []string{"pread64"}, prepare: func(n *nth) {
			n.take(n.body(client.LeastProof))
			bob := n.other()
			n.surely(func() error {
				_, err := bob.PutObjects(ctx, []client.Object{object(n)}, [][]byte{n.hand.source})
				return err
			})
			n.surely(func() error {
				told, err := n.remote.HaveAll(ctx, []client.Object{object(n)})
				if err == nil {
					nonce = told.Challenges[0].Nonce
				}
				return err
			})
		}, do: prove, again: func(n *nth) error {
			held, err := n.remote.Spare(ctx, []client.Object{object(n)}, func(int) io.ReaderAt { return bytes.NewReader(n.hand.source) }, client.Sparing{Always: true})
			if err == nil && !held.Get(0) {
				err = fmt.Errorf("the next proof is not taken: %w", client.ErrIntegrity)
			}
			if err != nil {
				return err
			}
			n.kept = append(n.kept, client.Sum(n.hand.source))
			return n.read()
		}},
	}
}

// other is a client of somebody else.
func (n *nth) other() *client.Remote {
	n.Helper()
	if n.bob == nil {
		n.addUser("bob")
		n.bob = n.dialAs("bob", client.Options{Connections: 1})
	}
	return n.bob
}

// historyTrials are about names that were replaced or deleted.
func historyTrials() []trial {
	var restore client.RestoreRequest
	var name string
	var held []byte
	ctx := context.Background()
	standing := func(n *nth) client.Changed {
		n.Helper()
		held = n.body(200)
		name = fmt.Sprintf("h%d", n.next)
		n.lend(held)
		return n.change(n.naming(name, held))
	}
	deleted := func(n *nth) client.Changed {
		n.Helper()
		e := standing(n)
		return n.change(client.Change{Op: client.OpDelete, Node: e.Node, Expect: e.Version})
	}
	back := func(n *nth) error {
		reply, err := n.remote.Restore(ctx, restore)
		if err == nil {
			n.names = append(n.names, ack{path: name, hash: client.Sum(held), version: reply.Version})
		}
		return err
	}
	empty := func(n *nth) error { _, err := n.remote.TrashEmpty(ctx, time.Now().UnixNano(), false); return err }
	return []trial{
		{name: "restore from the trash", prepare: func(n *nth) {
			restore = client.RestoreRequest{Trash: deleted(n).Version, Key: client.Key(n.body(16))}
		}, do: back, again: back},
		{name: "restore as of a time", prepare: func(n *nth) {
			e := standing(n)
			restore = client.RestoreRequest{Node: e.Node, At: time.Now().UnixNano(), Key: client.Key(n.body(16))}
			b := n.body(300)
			n.lend(b)
			newer := n.naming(name, b)
			newer.Expect = e.Version
			n.change(newer)
		}, do: back, again: back},
		{name: "trash-empty", prepare: func(n *nth) { deleted(n) }, do: empty, again: func(n *nth) error {
			err := empty(n)
			left := 0
			if err == nil {
				err = n.remote.Trash(ctx, func(*client.Trashed) bool { left++; return true })
			}
			if left > 0 {
				err = fmt.Errorf("%d names are in the trash that was emptied", left)
			}
			return err
		}},
	}
}

// lend puts contents that are not remembered: they will be given up, or hurt.
func (n *nth) lend(bodies ...[]byte) {
	n.Helper()
	before := len(n.kept)
	n.surely(func() error { return n.put(bodies...) })
	n.kept = n.kept[:before]
}

// change makes a change that must succeed, and does not remember it.
func (n *nth) change(c client.Change) (done client.Changed) {
	n.Helper()
	n.surely(func() error {
		reply, err := n.remote.Commit(context.Background(), &client.CommitRequest{Key: client.NewKey(), Changes: []client.Change{c}})
		if err == nil {
			done = reply.Entries[0]
		}
		if err == nil && done.Code != client.OK {
			err = client.NewError("commit", done.Code, done.Message)
		}
		return err
	})
	return done
}

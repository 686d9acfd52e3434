package torture

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// hand is what a trial has in hand between its parts.
type hand struct {
	source []byte // the content
	keyed  uint64 // seed of the keys of its upload
	upload int64
	line   *wire // uploads go over a wire of their own, request by request
}

// trials are the requests of everyday, with what they need.
func trials() []trial {
	var bodies [][]byte
	var commit *client.CommitRequest
	ctx := context.Background()
	put := func(sizes ...int) trial {
		return trial{
			prepare: func(n *nth) {
				bodies = nil
				for _, size := range sizes {
					bodies = append(bodies, n.body(size))
				}
			},
			do:    func(n *nth) error { return n.put(bodies...) },
			again: func(n *nth) error { return n.put(bodies...) },
		}
	}
	named := func(t trial, name string) trial { t.name = name; return t }
	after := func(before func(n *nth), t trial) trial {
		prepare := t.prepare
		t.prepare = func(n *nth) { before(n); prepare(n) }
		return t
	}
	fresh := func(n *nth) { n.replace() } // so that a segment and a folder are to be made
	doCommit := func(n *nth) error { _, err := n.commit(commit); return err }
	open := func(n *nth) error { return n.open(&proto.UploadOpen{Key: n.key(0), Size: int64(len(n.hand.source))}) }
	chunk := func(n *nth) error { return n.chunk(0) }
	begin := func(n *nth) { n.take(n.body(100_000)) }
	opened := func(n *nth) { begin(n); n.surely(func() error { return open(n) }) }
	filled := func(n *nth) { opened(n); n.surely(func() error { return chunk(n) }) }
	return []trial{
		named(put(100, 3000), "put in memory"),
		named(after(fresh, put(100)), "a life's first put"),
		named(put(50_000, 50_000, 200_000), "put in pieces"),
		named(after(fresh, put(150_000)), "a life's first file"),
		{name: "commit", prepare: func(n *nth) {
			commit = &client.CommitRequest{Key: client.Key(n.body(16))}
			for i := range 3 {
				b := n.body(100 + i)
				n.surely(func() error { return n.put(b) })
				commit.Changes = append(commit.Changes, n.naming(fmt.Sprintf("c%d-%d", n.next, i), b))
			}
		}, do: doCommit, again: doCommit},
		{name: "upload-open", prepare: begin, do: open, again: open},
		{name: "upload-chunk", prepare: opened, do: chunk, again: chunk},
		{name: "upload-seal", prepare: filled, do: (*nth).seal, again: (*nth).seal},
		{name: "get from a segment", lost: true, prepare: func(n *nth) {
			n.take(n.body(90_000))
			n.surely(func() error { return n.put(n.hand.source) })
			n.replace()
		}, do: (*nth).read, again: (*nth).read},
		{name: "get from a file", lost: true, prepare: func(n *nth) {
			n.take(n.body(3 << 20))
			n.surely(func() error { return n.put(n.hand.source) })
		}, do: (*nth).read, again: (*nth).read},
		{name: "login", do: func(n *nth) error {
			remote, err := client.Dial(ctx, client.Options{Address: n.url(), Retries: -1, Connections: 1})
			if err != nil {
				return err
			}
			defer remote.Close()
			_, err = remote.Login(ctx, "ann", password, "torture")
			return err
		}},
		{name: "a worker's start", lost: true, dies: true, do: func(n *nth) error {
			unix.Kill(n.worker(), unix.SIGKILL)
			return n.patiently(func() error { return n.put(n.body(10)) })
		}},
	}
}

// surely does what must succeed, while nothing fails.
func (n *nth) surely(do func() error) {
	n.Helper()
	n.must(n.patiently(do))
}

// take takes a content in hand.
func (n *nth) take(source []byte) { n.hand.source, n.hand.keyed = source, n.next }

// key is a key for a request of the upload in hand; it stays the same when the request is repeated.
func (n *nth) key(i byte) (key proto.Key) {
	fill(key[:15], n.hand.keyed)
	key[15] = i
	return key
}

// naming is a change that puts a content in the root, where nothing has that name.
func (n *nth) naming(name string, b []byte) client.Change {
	return client.Change{Op: client.OpPut, Kind: client.KindFile, Name: name, Parent: client.Place{Node: n.remote.Hello().Root}, Hash: client.Sum(b),
		Size: int64(len(b)), Mode: 0o644, Expect: 0}
}

// commit commits, and remembers the names that were acknowledged.
func (n *nth) commit(q *client.CommitRequest) ([]client.Changed, error) {
	reply, err := n.remote.Commit(context.Background(), q)
	if err != nil {
		return nil, err
	}
	for i, e := range reply.Entries {
		if e.Code != client.OK {
			return nil, client.NewError("commit", e.Code, e.Message)
		}
		if c := &q.Changes[i]; c.Op == client.OpPut {
			n.names = append(n.names, ack{path: c.Name, hash: c.Hash, version: e.Version})
		}
	}
	return reply.Entries, nil
}

// ask sends a request over the wire in hand, and an error is what the server says.
func (n *nth) ask(t proto.Type, h proto.Header, body []byte) (*wireReply, error) {
	if w := n.hand.line; w == nil || w.tryPing() != nil {
		if w != nil {
			w.Close()
		}
		n.hand.line = nil
		fresh, err := n.tryDial()
		if err != nil {
			return nil, err
		}
		fresh.SetDeadline(time.Now().Add(10 * time.Minute))
		code, err := fresh.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Token: n.login(), Agent: "torture"}, nil)
		if err == nil && code != proto.OK {
			err = client.NewError("hello", code, "")
		}
		if err != nil {
			fresh.Close()
			return nil, err
		}
		n.hand.line = fresh
	}
	return n.hand.line.call(t, h, body)
}

func (n *nth) open(q *proto.UploadOpen) error {
	reply, err := n.ask(proto.TypeUploadOpen, q, nil)
	if err != nil {
		return err
	}
	opened, err := proto.ParseUploadOpenReply(reply.header)
	if err == nil {
		n.hand.upload = opened.Upload
	}
	return err
}

func (n *nth) chunk(i int64) error {
	source := n.hand.source
	_, err := n.ask(proto.TypeUploadChunk, chunkOf(n.hand.upload, i, source), source[i*client.ChunkSize:min(len(source), int(i+1)*client.ChunkSize)])
	return err
}

func (n *nth) seal() error {
	sum := client.Sum(n.hand.source)
	_, err := n.ask(proto.TypeUploadSeal, &proto.UploadSeal{Key: n.key(1), Upload: n.hand.upload, Size: int64(len(n.hand.source)), Hash: sum}, nil)
	if err == nil {
		n.kept = append(n.kept, sum)
	}
	return err
}

// read fetches the content in hand, which client compares with its hash.
func (n *nth) read() error {
	got, err := n.remote.Get(context.Background(), client.Sum(n.hand.source), 0, -1, io.Discard)
	if err == nil && got != int64(len(n.hand.source)) {
		err = fmt.Errorf("%d bytes of %d", got, len(n.hand.source))
	}
	return err
}

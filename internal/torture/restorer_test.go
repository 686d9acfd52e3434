package torture

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"sluice/internal/client"
)

// restorer has names replaced, deleted and brought back. What was acknowledged stays among a name's versions.
type restorer struct {
	*actor
	*toil
	kept   map[int64]map[client.Hash]bool // by node: what it was acknowledged to hold, at any time
	before map[string]ack                 // what stood under a name last
}

func newRestorer(a *actor, t *toil) *restorer {
	return &restorer{actor: a, toil: t, kept: make(map[int64]map[client.Hash]bool), before: make(map[string]ack)}
}

func (x *restorer) draw(ctx context.Context) ([]client.Change, []ack, error) {
	for path, there := range x.names {
		if there.gone {
			continue
		}
		x.before[path] = there
		if x.kept[there.node] == nil {
			x.kept[there.node] = make(map[client.Hash]bool)
		}
		x.kept[there.node][there.hash] = true
	}
	pause(ctx, 10*time.Millisecond)
	path := fmt.Sprintf("kept%d", x.random.IntN(12))
	there := x.names[path]
	kind := x.random.IntN(6)
	switch {
	case there.gone:
		return nil, nil, x.fromTrash(ctx, path, there)
	case there.version > 0 && kind == 0:
		return x.deletion(path)
	case there.version > 0 && kind < 3:
		return nil, nil, x.fromVersions(ctx, path, there)
	}
	b := make([]byte, 1+x.random.IntN(40<<10))
	fill(b, x.random.Uint64())
	if err := x.put(ctx, [][]byte{b}); err != nil {
		return nil, nil, err
	}
	return x.putting(path, client.Sum(b), int64(len(b)))
}

// fromVersions compares the versions of a name with what was acknowledged, reads one of them and brings it back.
func (x *restorer) fromVersions(ctx context.Context, path string, there ack) error {
	var all []client.KeptVersion
	if err := x.remote.Versions(ctx, there.node, nil, func(k *client.KeptVersion) bool { all = append(all, *k); return true }); err != nil {
		return x.excuse(err)
	}
	if x.dark() {
		return errDark
	}
	told := make(map[client.Hash]bool)
	for _, k := range all {
		told[k.Hash] = true
	}
	for h := range x.kept[there.node] {
		if !told[h] {
			x.fault("actor %d: %q (node %d) held %x, which is not among its %d versions", x.id, path, there.node, h[:], len(all))
		}
	}
	for h := range told {
		if !x.kept[there.node][h] {
			x.fault("actor %d: %q (node %d) never held %x, which is among its versions", x.id, path, there.node, h[:])
		}
	}
	x.looked.Add(1)
	if len(all) == 0 {
		return nil
	}
	k := all[x.random.IntN(len(all))]
	if err := x.get(ctx, []client.Hash{k.Hash}); err != nil || k.Made == 0 {
		return err
	}
	return x.restore(ctx, client.RestoreRequest{Node: there.node, At: k.Made}, ack{actor: x.id, path: path, node: there.node, hash: k.Hash, size: k.Size})
}

// fromTrash brings a deleted name back, as it was.
func (x *restorer) fromTrash(ctx context.Context, path string, there ack) error {
	number := int64(0)
	if err := x.remote.Trash(ctx, func(t *client.Trashed) bool {
		if t.Node == there.node {
			number = t.Number
		}
		return number == 0
	}); err != nil {
		return x.excuse(err)
	}
	if x.dark() {
		return errDark
	}
	if number == 0 {
		x.fault("actor %d: %q (node %d) is not in the trash, though its end was acknowledged as %d", x.id, path, there.node, there.version)
		return errWrong
	}
	before := x.before[path]
	return x.restore(ctx, client.RestoreRequest{Trash: number}, ack{actor: x.id, path: path, node: there.node, hash: before.hash, size: before.size})
}

// restore asks until it is answered.
func (x *restorer) restore(ctx context.Context, q client.RestoreRequest, fact ack) error {
	rand.Read(q.Key[:])
	x.pending = func(ctx context.Context) error {
		reply, err := x.remote.Restore(ctx, q)
		if err != nil {
			return x.excuse(err)
		}
		if x.dark() {
			return errDark
		}
		if reply.Node != fact.node {
			x.fault("actor %d: %q, node %d, came back as node %d", x.id, fact.path, fact.node, reply.Node)
		}
		fact.version = reply.Version
		x.note([]ack{fact})
		x.names[fact.path] = fact
		x.pending = nil
		x.restored.Add(1)
		return nil
	}
	return x.pending(ctx)
}

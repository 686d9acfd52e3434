package mirror

import (
	"context"
	"math"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/state"
)

// commit sends a commit off. Its key is recorded before, with what it sends, so that it is known for our own should the reply be
// lost, and can be overtaken.
func (m *Mirror) commit(ctx context.Context, c *client.CommitRequest, sent []state.SyncSent) (*client.CommitReply, error) {
	c.Key = client.NewKey()
	if err := m.State.Apply(&state.SyncBatch{Launched: []state.SyncKey{c.Key}, Sent: sent}); err != nil {
		return nil, err
	}
	return m.Server.Commit(ctx, c)
}

// commitAll makes changes in one commit, all or none.
func (r *round) commitAll(changes []client.Change) (*client.CommitReply, error) {
	c := &client.CommitRequest{All: true, Changes: changes}
	reply, err := r.m.commit(r.ctx, c, nil)
	if err == nil {
		r.batch.Landed = append(r.batch.Landed, c.Key)
	}
	return reply, err
}

// nothing is a change that does nothing: no node has this number.
var nothing = client.Change{Op: client.OpDelete, Node: math.MaxInt64, Expect: client.ExpectAny}

// overtake sees to it that no commit whose reply was lost comes after what is read from the server now: a delete that arrived
// late would take what the user has made again since. Each key is used for a commit that does nothing; the server has either
// carried out the first one by then, or refuses it for its key when it comes.
//
// Of one that was carried out nobody knows what of it was refused. What it put is told as our own by the journal, unless
// others have put something else over it since: then what was agreed before is no longer what both sides had last.
func (m *Mirror) overtake(ctx context.Context) error {
	keys, err := m.State.Aloft()
	if err != nil || len(keys) == 0 {
		return err
	}
	done := false
	for _, key := range keys {
		_, err := m.Server.Commit(ctx, &client.CommitRequest{Key: key, Changes: []client.Change{nothing}})
		if err != nil && client.CodeOf(err) != client.KeyReused {
			return err
		}
		done = done || err != nil
	}
	b := &state.SyncBatch{Landed: keys}
	if done {
		if b.Nodes, err = m.doubted(); err != nil {
			return err
		}
	}
	return m.apply(b)
}

// doubted gives the agreed rows of names whose contents were sent and not answered. Their content is none: whatever stands there
// here is an edit, and at worst kept beside the server's.
func (m *Mirror) doubted() (rows []state.SyncNode, err error) {
	own, err := m.ours()
	if err != nil {
		return nil, err
	}
	for s := range own {
		if !isPut(s) || m.isSet(s.Name) {
			continue
		}
		a, found, err := m.State.Child(s.Parent, s.Name)
		if err != nil {
			return nil, err
		}
		if !found || a.Kind == uint8(proto.KindFolder) || a.Hash == s.Hash {
			continue
		}
		put := state.SyncNews{SyncEntry: a.SyncEntry}
		put.Hash = s.Hash
		row := file(&put, &a, own)
		row.Hash = proto.Hash{}
		rows = append(rows, row)
	}
	return rows, nil
}

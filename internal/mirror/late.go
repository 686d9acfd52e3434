package mirror

import (
	"context"
	"math"

	"sluice/internal/client"
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
func (m *Mirror) overtake(ctx context.Context) error {
	keys, err := m.State.Aloft()
	if err != nil || len(keys) == 0 {
		return err
	}
	for _, key := range keys {
		_, err := m.Server.Commit(ctx, &client.CommitRequest{Key: key, Changes: []client.Change{nothing}})
		if err != nil && client.CodeOf(err) != client.KeyReused {
			return err
		}
	}
	return m.State.Apply(&state.SyncBatch{Landed: keys})
}

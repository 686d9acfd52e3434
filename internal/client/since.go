package client

import (
	"context"
	"errors"

	"sluice/internal/proto"
)

// newsPages is how many pages of changes are read before a new listing is the cheaper way.
const newsPages = 4

// ListSince is ListAll for a caller who has an older listing of the same folder: what changed since is asked for and
// applied to it. Where that cannot be done (another epoch, too many changes) or would not pay, all is listed anew.
func (r *Remote) ListSince(ctx context.Context, node int64, old *Listing) (*Listing, error) {
	g := gathering{
		remote: r, top: node, recursive: true, epoch: old.Epoch, since: old.Journal, newest: old.Journal, most: newsPages,
		pages: old.Entries, ends: make(map[int64]bool), known: make(map[int64]Entry, len(old.Entries)), listed: map[int64]bool{node: true},
	}
	g.merge()
	err := g.settle(ctx)
	if err == nil {
		return &Listing{Epoch: g.epoch, Journal: g.since, Entries: g.prune()}, nil
	}
	if code := CodeOf(err); errors.Is(err, errRestart) || code == proto.Conflict || code == proto.EpochChanged {
		return r.ListAll(ctx, node)
	}
	return nil, err
}

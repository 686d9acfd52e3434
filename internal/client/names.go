package client

import (
	"context"
	"fmt"
	"time"

	"sluice/internal/proto"
)

// Commit changes names in one transaction. A zero Key is filled with random bits; repetitions carry the same.
func (r *Remote) Commit(ctx context.Context, request *CommitRequest) (*CommitReply, error) {
	if err := batch(len(request.Changes)); err != nil {
		return nil, err
	}
	if request.Key == (Key{}) {
		request.Key = NewKey()
	}
	q := newCall(proto.TypeCommit, request)
	if len(q.frame) > proto.MaxHeaderBatch {
		return nil, fmt.Errorf("BUG: a commit of %d bytes", len(q.frame))
	}
	got, err := r.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.CommitReply), nil
}

// Stat follows a path from a node (0: the root of home). The answer holds the node itself and as much of the path as was
// found.
func (r *Remote) Stat(ctx context.Context, node int64, path []string) (*StatReply, error) {
	return r.StatAt(ctx, node, 0, path)
}

// StatAt is Stat in the tree as it was at a time, ns since 1970 (0: as it is).
func (r *Remote) StatAt(ctx context.Context, node, at int64, path []string) (*StatReply, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	got, err := r.do(ctx, newCall(proto.TypeStat, &proto.Stat{Node: node, Path: path, At: at}))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.StatReply), nil
}

// checkPath refuses what cannot be asked for.
func checkPath(path []string) error {
	if len(path) > MaxPath {
		return usage("a path of %d names; at most %d", len(path), MaxPath)
	}
	for _, name := range path {
		if err := proto.CheckName(name); err != nil {
			return usage("%q cannot be a name", name)
		}
	}
	return nil
}

// ListPage asks for one page of a listing.
func (r *Remote) ListPage(ctx context.Context, request ListRequest) (*ListReply, error) {
	got, err := r.do(ctx, newCall(proto.TypeList, &request))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.ListReply), nil
}

// Changes asks for one page of what a journal tells; with WaitMs it waits for news.
func (r *Remote) Changes(ctx context.Context, request ChangesRequest) (*ChangesReply, error) {
	q := newCall(proto.TypeChanges, &request)
	q.waits = time.Duration(request.WaitMs) * time.Millisecond
	got, err := r.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.ChangesReply), nil
}

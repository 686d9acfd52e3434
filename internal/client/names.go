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
		request.Key = newKey()
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
	if len(path) > MaxPath {
		return nil, usage("a path of %d names; at most %d", len(path), MaxPath)
	}
	for _, name := range path {
		if err := proto.CheckName(name); err != nil {
			return nil, usage("%q cannot be a name", name)
		}
	}
	got, err := r.do(ctx, newCall(proto.TypeStat, &proto.Stat{Node: node, Path: path}))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.StatReply), nil
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

package client

import (
	"context"

	"sluice/internal/proto"
)

// Versions calls add for what is kept of a node, or with node 0 of what stands or ever stood at a path from the root, the
// latest first, until it says false.
func (r *Remote) Versions(ctx context.Context, node int64, path []string, add func(*KeptVersion) bool) error {
	if err := checkPath(path); err != nil {
		return err
	}
	for before := int64(0); ; {
		got, err := r.do(ctx, newCall(proto.TypeVersions, &proto.Versions{Node: node, Path: path, Before: before}))
		if err != nil {
			return err
		}
		page := got.header.(*proto.VersionsReply)
		for i := range page.Versions {
			if !add(&page.Versions[i]) {
				return nil
			}
		}
		if !page.More {
			return nil
		}
		last := page.Versions[len(page.Versions)-1].Until
		if last == 0 || before != 0 && last >= before {
			return broken("pages of versions that go in a circle")
		}
		before = last
	}
}

// Log calls add for what happened below a node (0: the root of home) since a time, ns since 1970, the latest first, until
// it says false.
func (r *Remote) Log(ctx context.Context, node, since int64, add func(*Event) bool) error {
	for before := int64(0); ; {
		got, err := r.do(ctx, newCall(proto.TypeLog, &proto.Log{Node: node, Before: before, Since: since}))
		if err != nil {
			return err
		}
		page := got.header.(*proto.LogReply)
		for i := range page.Events {
			if !add(&page.Events[i]) {
				return nil
			}
		}
		if page.Next == 0 {
			return nil
		}
		if before != 0 && page.Next >= before {
			return broken("pages of a log that go in a circle")
		}
		before = page.Next
	}
}

// Trash calls add for the deleted names that can be restored, the latest first, until it says false.
func (r *Remote) Trash(ctx context.Context, add func(*Trashed) bool) error {
	for before := int64(0); ; {
		got, err := r.do(ctx, newCall(proto.TypeTrash, &proto.Trash{Before: before}))
		if err != nil {
			return err
		}
		page := got.header.(*proto.TrashReply)
		for i := range page.Names {
			if !add(&page.Names[i]) {
				return nil
			}
		}
		if !page.More {
			return nil
		}
		last := page.Names[len(page.Names)-1].Number
		if before != 0 && last >= before {
			return broken("pages of the trash that go in a circle")
		}
		before = last
	}
}

// Restore brings back what was. A zero Key is filled with random bits; repetitions carry the same.
func (r *Remote) Restore(ctx context.Context, request RestoreRequest) (*RestoreReply, error) {
	if err := checkPath(request.Path); err != nil {
		return nil, err
	}
	if request.Key == (Key{}) {
		request.Key = NewKey()
	}
	got, err := r.do(ctx, newCall(proto.TypeRestore, &request))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.RestoreReply), nil
}

// TrashEmpty gives up what was deleted before a time, ns since 1970, for good, and tells how many names that were. dry:
// it only counts them.
func (r *Remote) TrashEmpty(ctx context.Context, before int64, dry bool) (names int64, err error) {
	got, err := r.do(ctx, newCall(proto.TypeTrashEmpty, &proto.TrashEmpty{Key: NewKey(), Before: before, Dry: dry}))
	if err != nil {
		return 0, err
	}
	return got.header.(*proto.TrashEmptyReply).Names, nil
}

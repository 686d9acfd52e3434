package client

import (
	"context"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// Probe asks what this account has that is like a content of size bytes, above MaxObjectsBody.
func (r *Remote) Probe(ctx context.Context, size int64, p *hash.Probe) (*proto.ProbeReply, error) {
	got, err := r.do(ctx, newCall(proto.TypeProbe, &proto.ProbeRequest{Size: size, Probe: wireProbe(p)}))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.ProbeReply), nil
}

func wireProbe(p *hash.Probe) proto.Probe {
	return proto.Probe{Head: p.Head, Middle: p.Middle, Tail: p.Tail}
}

// Unfinished is an upload of this account that has begun and is not sealed.
type Unfinished = proto.Unfinished

// Uploads lists the account's unfinished uploads, whichever device began them, the oldest first.
func (r *Remote) Uploads(ctx context.Context) ([]Unfinished, error) {
	var all []Unfinished
	for q := new(proto.Uploads); ; {
		got, err := r.do(ctx, newCall(proto.TypeUploads, q))
		if err != nil {
			return nil, err
		}
		page := got.header.(*proto.UploadsReply)
		all = append(all, page.Uploads...)
		if !page.More {
			return all, nil
		}
		q = &proto.Uploads{After: all[len(all)-1].Upload}
	}
}

// UploadCancel ends one of them: what was sent of it is removed. NotFound: it has been sealed, ended or swept.
func (r *Remote) UploadCancel(ctx context.Context, upload int64) error {
	_, err := r.do(ctx, newCall(proto.TypeUploadCancel, &proto.UploadCancel{Key: NewKey(), Upload: upload}))
	return err
}

package client

import (
	"context"
	"fmt"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// Have tells which contents this account holds: bit i stands for hashes[i]. At most MaxBatch.
func (r *Remote) Have(ctx context.Context, hashes []Hash) (Bitmap, error) {
	if err := batch(len(hashes)); err != nil {
		return nil, err
	}
	got, err := r.do(ctx, newCall(proto.TypeHave, &proto.Have{Hashes: hashes}))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.HaveReply).Held, nil
}

// PutObjects sends contents: bodies[i] is objects[i].Size bytes long. At most MaxBatch, and MaxObjectsBody bytes in all.
// It answers which of them were not taken; the others are durable.
func (r *Remote) PutObjects(ctx context.Context, objects []Object, bodies [][]byte) ([]EntryError, error) {
	if err := batch(len(objects)); err != nil {
		return nil, err
	}
	if len(bodies) != len(objects) {
		return nil, fmt.Errorf("BUG: %d bodies for %d objects", len(bodies), len(objects))
	}
	q := newCall(proto.TypePutObjects, &proto.PutObjects{Objects: objects})
	q.body.parts = bodies
	for i, part := range bodies {
		if int64(len(part)) != objects[i].Size {
			return nil, fmt.Errorf("BUG: object %d of %d bytes has a body of %d", i, objects[i].Size, len(part))
		}
		q.body.length += int64(len(part))
	}
	if q.body.length > MaxObjectsBody {
		return nil, fmt.Errorf("BUG: objects of %d bytes in one request", q.body.length)
	}
	got, err := r.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.PutObjectsReply).Failed, nil
}

// Got is one content of a GetObjects: Data is verified against its hash. A Code other than OK comes without data.
type Got struct {
	Size int64
	Code Code
	Data []byte
}

// GetObjects answers a prefix of what was asked, at least one. The data lies in buf if that has the capacity.
func (r *Remote) GetObjects(ctx context.Context, hashes []Hash, buf []byte) ([]Got, error) {
	if err := batch(len(hashes)); err != nil {
		return nil, err
	}
	q := newCall(proto.TypeGetObjects, &proto.GetObjects{Hashes: hashes})
	q.sink.buf = buf
	answer, err := r.do(ctx, q)
	if err != nil {
		return nil, err
	}
	objects := answer.header.(*proto.GetObjectsReply).Objects
	got := make([]Got, len(objects))
	rest := answer.body
	for i, o := range objects {
		got[i] = Got{Size: o.Size, Code: o.Code}
		if o.Code != OK {
			continue
		}
		got[i].Data, rest = rest[:o.Size:o.Size], rest[o.Size:]
		if hash.Sum(got[i].Data) != hashes[i] {
			return nil, fmt.Errorf("content %x: %w", hashes[i][:], ErrIntegrity)
		}
	}
	return got, nil
}

func batch(n int) error {
	if n < 1 || n > MaxBatch {
		return fmt.Errorf("BUG: %d entries in one request", n)
	}
	return nil
}

// Sum is the hash of a content that is in memory.
func Sum(b []byte) Hash { return hash.Sum(b) }

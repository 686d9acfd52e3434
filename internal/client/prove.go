package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/internal/proof"
	"sluice/internal/proto"
)

// LeastProof is the smallest content that can be proven; a smaller one is sent.
const LeastProof = proof.Least

// ProveTakes is how long a proof takes at least, however near the server is: it answers at a fixed time, so that the time
// tells nothing. Whoever has other things to do does them meanwhile.
const ProveTakes = 250 * time.Millisecond

// HaveAll is Have with challenges for large contents that are not held.
func (r *Remote) HaveAll(ctx context.Context, objects []Object) (*HaveReply, error) {
	if err := batch(len(objects)); err != nil {
		return nil, err
	}
	h := &proto.Have{Hashes: make([]Hash, len(objects)), Sizes: make([]int64, len(objects))}
	for i, o := range objects {
		h.Hashes[i], h.Sizes[i] = o.Hash, o.Size
	}
	got, err := r.do(ctx, newCall(proto.TypeHave, h))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.HaveReply), nil
}

// Claim is a content that is to be proven, with the challenge for it.
type Claim struct {
	Object
	Nonce   []byte
	Content io.ReaderAt
}

// Prove shows the server that one has contents, so that they need not be sent: bit i says whether claims[i] is held now. It
// uses a connection by itself, for ProveTakes or longer. At most MaxProofs, and 64 MiB to be read.
func (r *Remote) Prove(ctx context.Context, claims []Claim) (Bitmap, error) {
	if len(claims) < 1 || len(claims) > proto.MaxProofs {
		return nil, fmt.Errorf("BUG: %d proofs in one request", len(claims))
	}
	hello := r.Hello()
	if hello.Account == "" {
		return nil, errors.New("BUG: a proof without an account")
	}
	h := &proto.Prove{Proofs: make([]proto.Proof, len(claims))}
	for i, c := range claims {
		challenge := proof.Challenge{Nonce: c.Nonce, Server: hello.Server, Account: hello.Account, Hash: c.Hash, Size: c.Size}
		tags, err := challenge.Tags(c.Content)
		if err != nil {
			return nil, err
		}
		h.Proofs[i] = proto.Proof{Hash: c.Hash, Size: c.Size, Nonce: c.Nonce, Tags: tags}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	q := newCall(proto.TypeProve, h)
	q.waits = ProveTakes
	got, err := r.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.ProveReply).Linked, nil
}

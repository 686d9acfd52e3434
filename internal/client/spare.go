package client

import (
	"context"
	"io"
	"sync"
	"time"

	"sluice/internal/proof"
)

// Sparing says how Spare goes about it. The zero value will do.
type Sparing struct {
	// Nothing: the account is known to hold nothing, so only proofs can spare it anything.
	Nothing bool
	// Always proves whatever can be proven, as somebody asked for it.
	Always bool
	// Waits is called, at most once, before a proof is sent, whose answer takes ProveTakes; nil: nobody is told.
	Waits func()
}

// Spare tells which contents need not be sent: those the account holds, and those of which it has proven just now to have
// them. content(i) reads objects[i]; it is asked for what is to be proven only. At most MaxBatch.
//
// A proof takes its time, and is of use only where others have sent the same before. So the first ones are tried, and then
// as many as are linked; as long as they are not, one now and then.
func (r *Remote) Spare(ctx context.Context, objects []Object, content func(i int) io.ReaderAt, how Sparing) (Bitmap, error) {
	large := 0
	for _, o := range objects {
		if o.Size >= LeastProof {
			large++
		}
	}
	prove := large > 0 && r.proofs.want(large, how.Always)
	switch {
	case !prove && how.Nothing:
		return make(Bitmap, (len(objects)+7)/8), nil
	case !prove:
		hashes := make([]Hash, len(objects))
		for i, o := range objects {
			hashes[i] = o.Hash
		}
		return r.Have(ctx, hashes)
	}
	told, err := r.HaveAll(ctx, objects)
	if err != nil {
		r.proofs.told(large, 0, 0)
		return nil, err
	}
	if len(told.Challenges) == 0 && unknown(told.Held, objects) {
		r.proofs.silent()
	}
	claims, which := pick(told.Challenges, objects, content)
	linked := 0
	if len(claims) > 0 {
		linked, err = r.spareBy(ctx, claims, which, told.Held, how)
	}
	r.proofs.told(large, len(claims), linked)
	return told.Held, err
}

// spareBy proves claims and sets the bits of those that are linked.
func (r *Remote) spareBy(ctx context.Context, claims []Claim, which []int, held Bitmap, how Sparing) (linked int, err error) {
	select {
	case r.proofs.places <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-r.proofs.places }()
	if how.Waits != nil {
		how.Waits()
	}
	yes, err := r.Prove(ctx, claims)
	if err != nil {
		return 0, err
	}
	for i, index := range which {
		if yes.Get(i) {
			held.Set(index)
			linked++
		}
	}
	return linked, nil
}

// unknown tells whether there is something that could be proven.
func unknown(held Bitmap, objects []Object) bool {
	for i, o := range objects {
		if o.Size >= LeastProof && !held.Get(i) {
			return true
		}
	}
	return false
}

// pick takes as many challenges as one request can answer.
func pick(challenges []Challenge, objects []Object, content func(i int) io.ReaderAt) (claims []Claim, which []int) {
	cost := int64(0)
	for _, c := range challenges {
		o := objects[c.Index]
		if len(claims) == MaxProofs || cost+proof.Cost(o.Size) > proof.Whole {
			break
		}
		cost += proof.Cost(o.Size)
		claims = append(claims, Claim{Object: o, Nonce: c.Nonce, Content: content(c.Index)})
		which = append(which, c.Index)
	}
	return claims, which
}

// linking tells whether the last proof was answered with a yes: more are worth the while.
func (r *Remote) linking() bool {
	r.proofs.mu.Lock()
	defer r.proofs.mu.Unlock()
	return r.proofs.good
}

// When proofs are tried.
const (
	firstProofs  = 8  // contents that are tried in any case
	proofEvery   = 16 // of further ones, while none is linked
	proofShare   = 50 // of the time since the start, at most one part in so many may be waited for proofs in vain
	proofsAtOnce = 8  // requests: what is proven waits in memory
)

// proofs decides which contents are worth a proof.
type proofs struct {
	began  time.Time
	places chan struct{}

	mu     sync.Mutex
	asked  int  // contents that were tried, or are just being
	passed int  // that were not, since one was
	vain   int  // requests without a link, after the first ones
	good   bool // the last request linked something
	never  bool // the server takes no proofs
}

func newProofs() *proofs {
	return &proofs{began: time.Now(), places: make(chan struct{}, proofsAtOnce)}
}

// want says whether n contents, sent together, are to be tried. If so, told must be called.
func (p *proofs) want(n int, always bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.never {
		return false
	}
	if !always && !p.good && p.asked >= firstProofs {
		p.passed += n
		if p.passed < proofEvery || time.Since(p.began) < time.Duration(p.vain+1)*proofShare*ProveTakes {
			return false
		}
	}
	p.passed = 0
	p.asked += n
	return true
}

// told takes down what became of n contents that were wanted: so many were proven, so many of them linked. The others were
// held already, or no challenge came.
func (p *proofs) told(n, proven, linked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked -= n - proven
	if proven == 0 {
		return
	}
	p.good = linked > 0
	if !p.good && p.asked > firstProofs {
		p.vain++
	}
}

// silent notes that a server has no challenge for what it does not hold: it takes no proofs.
func (p *proofs) silent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.never = true
}

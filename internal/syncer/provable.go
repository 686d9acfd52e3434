package syncer

import (
	"context"
	"slices"
	"sync"

	"sluice/internal/client"
)

// provableAhead is how many files that could be proven go first.
const provableAhead = 8

// provableLast puts a few of the files that are large enough for a proof first and the others last, so that the answers to
// those are there when it is to be decided whether these are worth a proof. Nobody waits for it: what has its turn before
// is sent.
func provableLast(tasks []task) []task {
	sorted := make([]task, 0, len(tasks))
	var last []task
	for _, t := range tasks {
		switch {
		case t.Src.Size < client.LeastProof:
		case len(sorted) < provableAhead:
			sorted = append(sorted, t)
		default:
			last = append(last, t)
		}
	}
	for _, t := range tasks {
		if t.Src.Size < client.LeastProof {
			sorted = append(sorted, t)
		}
	}
	return append(sorted, last...)
}

// verdict is whether proofs are worth the while, as the first answer to one shows. It comes at the latest when there is
// nothing else to do but to wait for it.
type verdict struct {
	once sync.Once
	came chan struct{}
}

// init begins a push of these files besides the large ones.
func (v *verdict) init(tasks []task) {
	v.came = make(chan struct{})
	if !slices.ContainsFunc(tasks, func(t task) bool { return t.Src.Size >= client.LeastProof }) {
		v.come() // nothing is proven
	}
}

func (v *verdict) come() { v.once.Do(func() { close(v.came) }) }

func (v *verdict) wait(ctx context.Context) {
	select {
	case <-v.came:
	case <-ctx.Done():
	}
}

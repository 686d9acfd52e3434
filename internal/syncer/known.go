package syncer

import (
	"context"
	"fmt"
	"sync"

	"sluice/internal/client"
)

// sendKnown names the files whose hashes are remembered and whose contents the server holds, without reading them. It returns
// the others, which must be read.
//
// It is called before send, which waits for what is on its way then.
func (p *sender) sendKnown(ctx context.Context, tasks []task) (rest []task) {
	size := min(max(len(tasks)/(2*p.Server.Connections()), batchLeast), client.MaxBatch)
	var mu sync.Mutex
	var group sync.WaitGroup
	places := make(chan struct{}, p.Server.Connections())
	for len(tasks) > 0 {
		some := tasks[:min(size, len(tasks))]
		tasks = tasks[len(some):]
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			unheld, err := p.nameKnown(ctx, some)
			if err != nil {
				p.fail(err)
			}
			mu.Lock()
			rest = append(rest, unheld...)
			mu.Unlock()
		})
	}
	group.Wait()
	return rest
}

// nameKnown is sendKnown for one batch, which is committed in the background.
func (p *sender) nameKnown(ctx context.Context, tasks []task) (unheld []task, err error) {
	hashes := make([]client.Hash, len(tasks))
	for i, t := range tasks {
		hashes[i] = t.Src.Hash
	}
	held, err := p.Server.Have(ctx, hashes)
	if err != nil {
		return nil, fmt.Errorf("ask what is there already: %w", err)
	}
	b := &batch{items: make([]item, 0, len(tasks))}
	for i, t := range tasks {
		switch {
		case !held.Get(i):
			unheld = append(unheld, t)
		case !p.settled(t, t.Src.Hash):
			b.items = append(b.items, item{task: t, hash: t.Src.Hash, instant: true})
		}
	}
	if len(b.items) > 0 {
		p.flying.Go(func() {
			if err := p.putNames(ctx, b); err != nil {
				p.fail(err)
			}
		})
	}
	return unheld, nil
}

package syncer

import (
	"context"
	"sync"
	"sync/atomic"
)

// receiver fetches contents and gives them their names: small ones in batches over all connections, large ones one after
// another, all by way of temporary files.
type receiver struct {
	receiving
	Server   Server
	Run      *Run            // may be nil
	Stop     <-chan struct{} // closed: begin nothing new; may be nil
	Dir      string          // the folder, as Run is told of it
	at       *beneath
	temps    *temps
	progress *Progress
	fail     context.CancelCauseFunc
}

// receiving is who has contents fetched. Its methods are called by several goroutines.
type receiving interface {
	// openFolder opens the local folder that stands for n; path is working space.
	openFolder(n *Node, path *[]byte) (int, error)
	// named is told of files that stand under their names, durable.
	named(list []written)
	// missed is told of a name that does not get its content; doing may be empty.
	missed(s Step, doing string, err error)
	// saved is told of bytes that did not travel.
	saved(copied, holes, resumed int64)
}

func (p *receiver) stopped() bool { return isClosed(p.Stop) }

// fetch returns when all files have their names or were missed. What went wrong for more than one file was told to fail.
func (p *receiver) fetch(ctx context.Context, files []Step) {
	small, large := contents(files)
	pub := newPublisher(p, ctx, len(files) < syncEachBelow)
	var group sync.WaitGroup
	var next atomic.Int64
	batches := cut(small, p.Server.Connections())
	for range min(p.Server.Connections(), len(batches)) {
		group.Go(func() {
			f := fetcher{p: p, pub: pub}
			for ctx.Err() == nil && !p.stopped() {
				i := int(next.Add(1)) - 1
				if i >= len(batches) {
					return
				}
				if err := f.batch(ctx, batches[i]); err != nil {
					p.fail(err)
				}
			}
		})
	}
	group.Go(func() {
		for _, c := range large {
			if ctx.Err() != nil || p.stopped() {
				return
			}
			if err := p.fetchLarge(ctx, pub, c); err != nil {
				p.fail(err)
			}
		}
	})
	group.Wait()
	pub.close()
}

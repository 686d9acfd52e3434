package syncer

import (
	"context"
	"sync"

	"sluice/internal/client"
)

// sender brings contents of local files to the server: small ones in batches, large ones one after another.
type sender struct {
	sending
	Server    Server
	HashFirst bool
	Run       *Run            // may be nil
	Stop      <-chan struct{} // closed: begin nothing new; may be nil
	at        *beneath
	progress  *Progress
	empty     bool // the account holds nothing at all, so nothing can be there already
	fail      context.CancelCauseFunc

	claims  claims
	verdict verdict
	flying  sync.WaitGroup // batches on their way
}

// sending is who has contents sent. Its methods are called by several goroutines.
type sending interface {
	// settled says that a file, which was read, need not be sent.
	settled(t task, h client.Hash) bool
	// putNames is told of a batch whose contents are there, or were refused; those of b.waits may still be on their way.
	putNames(ctx context.Context, b *batch) error
	// unreadable is told of a file that was not sent.
	unreadable(n *Node, err error)
	// saved is told of bytes that did not travel.
	saved(copied, holes, resumed int64)
}

// send returns when all that was sent is dealt with. What went wrong for more than one file was told to fail.
func (p *sender) send(ctx context.Context, small, large []task) {
	p.claims.m = make(map[client.Hash]*batch, len(small))
	p.verdict.init(small)
	var group sync.WaitGroup
	group.Go(func() { p.sendLarge(ctx, large) })
	p.sendSmall(ctx, small)
	p.verdict.come()
	group.Wait()
	p.flying.Wait()
}

func (p *sender) stopped() bool { return isClosed(p.Stop) }

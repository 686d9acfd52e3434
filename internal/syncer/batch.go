package syncer

import (
	"context"
	"sync"

	"sluice/internal/client"
)

// batch is a number of small files on their way: their bytes and hashes, then their names.
type batch struct {
	buf     []byte // the bytes of bodies; given back when they are sent
	objects []client.Object
	bodies  [][]byte
	owners  []int // for each object the item that was first to need it
	items   []item
	waits   []*batch // those which send contents this one names
	lend    func()   // lets the readers have another buffer
	lent    bool     // they have: buf is not given back

	sent   chan struct{}               // closed when the contents are on the server, or will not be
	failed map[client.Hash]client.Code // contents that were refused; read after sent
}

// item is a name of a batch.
type item struct {
	task
	hash    client.Hash
	instant bool // its bytes need not travel
}

// claims says which batch sends a content, so that equal contents within one push travel once.
type claims struct {
	mu sync.Mutex
	m  map[client.Hash]*batch
}

// claim makes b the sender of h, or tells who is.
func (c *claims) claim(h client.Hash, b *batch) (sender *batch, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.m[h]; s != nil {
		return s, false
	}
	c.m[h] = b
	return b, true
}

// add puts a name into the batch. bytes, its content, are the end of b.buf and are dropped if another sends them.
func (b *batch) add(c *claims, t task, h client.Hash, bytes []byte) {
	it := item{task: t, hash: h}
	sender, first := c.claim(h, b)
	if first {
		b.buf = b.buf[:len(b.buf)+len(bytes)]
		b.objects = append(b.objects, client.Object{Hash: h, Size: int64(len(bytes))})
		b.bodies = append(b.bodies, bytes)
		b.owners = append(b.owners, len(b.items))
	} else {
		it.instant = true
		if sender != b && (len(b.waits) == 0 || b.waits[len(b.waits)-1] != sender) {
			b.waits = append(b.waits, sender)
		}
	}
	b.items = append(b.items, it)
}

// keep drops the objects the server holds already.
func (b *batch) keep(held client.Bitmap) {
	n := 0
	for i := range b.objects {
		if held.Get(i) {
			b.items[b.owners[i]].instant = true
			continue
		}
		b.objects[n], b.bodies[n], b.owners[n] = b.objects[i], b.bodies[i], b.owners[i]
		n++
	}
	b.objects, b.bodies, b.owners = b.objects[:n], b.bodies[:n], b.owners[:n]
}

// refusal tells whether the content of an item was refused, by this batch or the one that sends it.
func (b *batch) refusal(h client.Hash) client.Code {
	if code, ok := b.failed[h]; ok {
		return code
	}
	for _, w := range b.waits {
		if code, ok := w.failed[h]; ok {
			return code
		}
	}
	return client.OK
}

// wait returns when the contents of others that this batch names are on the server too, or were refused.
func (b *batch) wait(ctx context.Context) error {
	for _, w := range b.waits {
		select {
		case <-w.sent:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

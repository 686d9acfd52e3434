package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// stride is how many neighbouring files a reader takes at once: enough that their folder stays warm and that
// batches hold neighbours, few enough that the readers end together.
const stride = 32

// A batch is sent when it holds so many bytes or names. Larger ones save commits and syncs, smaller ones keep all
// connections busy; with few files, batches shrink so that every connection gets one.
const (
	batchBytes = 4 << 20
	batchLeast = 64 // names; below it a batch is not worth a connection of its own
)

// spare is how many bytes the files of a batch may grow before they need another buffer. A buffer that is no larger than what is
// sent matters to a watcher, which sends one small file now and then: the largest costs more than all else, and stays in memory.
const spare = 64 << 10

// sendSmall reads, hashes and sends files of at most MaxObjectsBody. It returns when the last batch has left the
// reader; p.flying waits for the replies.
func (p *sender) sendSmall(ctx context.Context, tasks []task) {
	if len(tasks) == 0 {
		return
	}
	tasks = provableLast(tasks)
	lanes := p.Server.Connections()
	names := min(max(len(tasks)/(2*lanes), batchLeast), client.MaxBatch)
	workers := min(readers(), (len(tasks)+stride-1)/stride)
	room := int64(spare)
	for i := range tasks {
		room += tasks[i].Src.Size
	}
	room = min(room, client.MaxObjectsBody)
	// A buffer for every batch on its way and every one being filled bounds memory and gives back-pressure.
	buffers := make(chan []byte, lanes+workers)
	for range cap(buffers) {
		buffers <- nil
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			r := reader{p: p, buffers: buffers, names: names, room: room}
			for ctx.Err() == nil && !p.stopped() {
				start := int(next.Add(stride)) - stride
				if start >= len(tasks) {
					break
				}
				for _, t := range tasks[start:min(start+stride, len(tasks))] {
					r.take(ctx, t)
				}
			}
			r.flush(ctx)
		})
	}
	group.Wait()
}

// reader is one goroutine that fills batches.
type reader struct {
	p       *sender
	buffers chan []byte
	names   int
	room    int64 // bytes that a batch needs at most, unless files grow
	b       *batch
	path    []byte
}

// take puts one file or link into the batch at hand.
func (r *reader) take(ctx context.Context, t task) {
	if !r.ready(ctx, max(t.Src.Size, int64(len(t.Src.Target)))) {
		return
	}
	if t.Src.Kind == proto.KindLink {
		b := r.b
		bytes := append(b.buf[len(b.buf):], t.Src.Target...)
		b.add(&r.p.claims, t, t.Src.Hash, bytes)
		r.full(ctx)
		return
	}
	r.path = t.Src.AppendPath(r.path[:0])
	bytes, err := readSteady(r.p.at, string(r.path), t.Src, r.b.buf)
	if errors.Is(err, errGrown) && t.Src.Size <= client.MaxObjectsBody && len(r.b.items) > 0 {
		r.flush(ctx)
		r.take(ctx, t)
		return
	}
	if errors.Is(err, errGrown) && t.Src.Size <= client.MaxObjectsBody && cap(r.b.buf) < client.MaxObjectsBody {
		r.b.buf = make([]byte, 0, client.MaxObjectsBody)
		r.take(ctx, t)
		return
	}
	if errors.Is(err, errGrown) {
		r.p.sendOneLarge(ctx, t)
		return
	}
	if err != nil {
		r.p.unreadable(t.Src, err)
		return
	}
	h := client.Hash(hash.Sum(bytes))
	t.Src.Hash, t.Src.Hashed = h, true
	if r.p.settled(t, h) {
		return
	}
	r.b.add(&r.p.claims, t, h, bytes)
	r.full(ctx)
}

// settled deals with a file whose content proved to be what stands on the server: at most its facts are set.
func (p *pusher) settled(t task, h client.Hash) bool {
	if t.Dst == nil || !t.Dst.Hashed || t.Dst.Hash != h || t.Dst.Kind != t.Src.Kind {
		return false
	}
	p.progress.Done.Add(1)
	p.progress.DoneBytes.Add(t.Src.Size)
	if sameFacts(t.Src, t.Dst) {
		p.file(Unchanged, t.Src)
	} else {
		p.changes.add(t.Step)
	}
	return true
}

// ready sees to it that the batch has room for size more bytes.
func (r *reader) ready(ctx context.Context, size int64) bool {
	if r.b != nil && int64(len(r.b.buf))+size > int64(cap(r.b.buf)) {
		r.flush(ctx)
	}
	if r.b != nil {
		return true
	}
	select {
	case buf := <-r.buffers:
		if buf == nil || int64(cap(buf)) < size {
			buf = make([]byte, 0, max(r.room, size))
		}
		r.b = &batch{
			buf:     buf[:0],
			objects: make([]client.Object, 0, r.names),
			bodies:  make([][]byte, 0, r.names),
			owners:  make([]int, 0, r.names),
			items:   make([]item, 0, r.names),
			sent:    make(chan struct{}),
		}
		b := r.b
		b.lend = func() { // the readers go on with another buffer while this batch waits
			b.lent = true
			r.buffers <- nil
		}
		return true
	case <-ctx.Done():
		return false
	}
}

// full sends the batch off if it is.
func (r *reader) full(ctx context.Context) {
	if len(r.b.buf) >= batchBytes || len(r.b.items) >= r.names {
		r.flush(ctx)
	}
}

// flush sends the batch at hand off. It must be called even when nothing is left to do, as others may wait for it.
func (r *reader) flush(ctx context.Context) {
	b := r.b
	r.b = nil
	if b == nil {
		return
	}
	r.p.flying.Go(func() {
		err := r.p.putContents(ctx, b)
		if !b.lent {
			r.buffers <- b.buf
		}
		b.buf, b.bodies = nil, nil
		if err != nil {
			r.p.fail(err)
		}
		close(b.sent)
		if err == nil {
			if err := r.p.putNames(ctx, b); err != nil {
				r.p.fail(err)
			}
		}
	})
}

// putContents sends what the server does not hold.
func (p *sender) putContents(ctx context.Context, b *batch) error {
	if len(b.objects) == 0 {
		return ctx.Err()
	}
	held, err := p.Server.Spare(ctx, b.objects, func(i int) io.ReaderAt { return bytes.NewReader(b.bodies[i]) },
		client.Sparing{Nothing: p.empty, Waits: b.lend})
	if b.lent {
		p.verdict.come()
	}
	if err != nil {
		return fmt.Errorf("ask what is there already: %w", err)
	}
	b.keep(held)
	if len(b.objects) == 0 {
		return nil
	}
	failed, err := p.Server.PutObjects(ctx, b.objects, b.bodies)
	if err != nil {
		return fmt.Errorf("send files: %w", err)
	}
	for _, f := range failed {
		switch f.Code {
		case client.OverQuota, client.NoSpace:
			return client.NewError("send files", f.Code, f.Message)
		}
		if b.failed == nil {
			b.failed = make(map[client.Hash]client.Code)
		}
		b.failed[b.objects[f.Entry].Hash] = f.Code
	}
	var bytes int64
	for i := range b.objects {
		bytes += b.objects[i].Size
	}
	p.progress.DoneBytes.Add(bytes)
	return nil
}

// putNames waits until the contents and folders are there, then commits the names.
func (p *pusher) putNames(ctx context.Context, b *batch) error {
	if err := b.wait(ctx); err != nil {
		return err
	}
	if err := p.folders.wait(ctx); err != nil {
		return err
	}
	return p.commitFiles(ctx, b)
}

// unreadable reports a file that was not read; it stays on the server as it is.
func (p *pusher) unreadable(n *Node, err error) {
	p.progress.Done.Add(1)
	reason := "read: " + err.Error()
	switch {
	case errors.Is(err, errUnsteady):
		reason = err.Error()
	case errors.Is(err, unix.ELOOP):
		reason = "a link was put in its place while the folder was read: run the same command again"
	case errors.Is(err, unix.ENOENT):
		reason = "it is gone since the folder was read"
	}
	p.problem(Problem{Path: n.Path(), Reason: reason, Err: err})
}

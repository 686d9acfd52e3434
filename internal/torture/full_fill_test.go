package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// filler is one of those who fill a disk, each in a way of its own: with small and large contents, with changed versions of a
// large one that the server puts together, with uploads that are left where they are, with names that go into the trash
// and come back.
type filler struct {
	*server
	id     int
	remote *client.Remote
	random *rand.Rand
	base   []byte // large, and there
	kept   map[client.Hash]int64
	names  []named
	left   []leaving
	counts fillCounts
}

// named is a name that stands.
type named struct {
	node, version int64
	hash          client.Hash
}

// leaving is an upload one chunk of which is there.
type leaving struct {
	content []byte
	upload  int64
}

// fillCounts is what fillers have done.
type fillCounts struct{ put, copied, left, restored, refused int64 }

func (c *fillCounts) add(more fillCounts) {
	c.put += more.put
	c.copied += more.copied
	c.left += more.left
	c.restored += more.restored
	c.refused += more.refused
}

// fill goes on until it was refused twelve times for want of space; any other refusal is a fault.
func (f *filler) fill(ctx context.Context) error {
	for f.counts.refused < 12 && ctx.Err() == nil {
		switch err := f.step(ctx); {
		case err == nil:
		case client.CodeOf(err) == client.NoSpace:
			f.counts.refused++
		default:
			return fmt.Errorf("uploader %d: a full disk is told as: %w", f.id, err)
		}
	}
	return nil
}

func (f *filler) step(ctx context.Context) error {
	switch {
	case f.id == 0 && len(f.left) == 0, f.id == 8 && len(f.left) == 0:
		return f.leave(ctx)
	case f.id%8 == 1 && (f.counts.put == 0 || f.random.IntN(2) == 0):
		return f.change(ctx)
	case f.id%4 == 2 && len(f.names) > 0 && f.random.IntN(3) == 0:
		return f.bringBack(ctx)
	}
	b := make([]byte, []int{100, 5000, 90_000, 300_000, 2 << 20}[f.random.IntN(5)])
	fill(b, f.random.Uint64())
	sum, size := client.Sum(b), int64(len(b))
	var err error
	if f.random.IntN(10) == 0 {
		sum, size, err = f.remote.UploadReader(ctx, newStream(f.random.Uint64(), client.ChunkSize+100_000), nil)
	} else {
		_, err = f.remote.PutObjects(ctx, []client.Object{{Hash: sum, Size: size}}, [][]byte{b})
	}
	if err != nil {
		return err
	}
	f.counts.put++
	return f.name(ctx, sum, size)
}

// name gives a content a name.
func (f *filler) name(ctx context.Context, sum client.Hash, size int64) error {
	f.kept[sum] = size
	e, err := f.commit(ctx, client.Change{Op: client.OpPut, Kind: client.KindFile, Parent: client.Place{Node: f.remote.Hello().Root},
		Name: fmt.Sprintf("%d-%x", f.id, f.random.Uint64()), Hash: sum, Size: size, Mode: 0o644, Expect: 0})
	if err == nil {
		f.names = append(f.names, named{e.Node, e.Version, sum})
	}
	return err
}

func (f *filler) commit(ctx context.Context, c client.Change) (e client.Changed, err error) {
	reply, err := f.remote.Commit(ctx, &client.CommitRequest{Changes: []client.Change{c}})
	if err != nil {
		return e, err
	}
	if e = reply.Entries[0]; e.Code != client.OK {
		err = fmt.Errorf("commit: %v", e.Code)
	}
	return e, err
}

// change sends another version of what the server has.
func (f *filler) change(ctx context.Context) error {
	b := append(bytes.Clone(f.base), make([]byte, 1+f.id)...) // of another size than others', or they would go on with each other's uploads
	at := f.random.IntN(len(b) - 100_000)
	fill(b[at:at+60_000], f.random.Uint64())
	path := f.path("changed-%d", f.id)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	done, err := f.remote.Upload(ctx, file, int64(len(b)), client.UploadOptions{Older: client.Known{Hash: client.Sum(f.base), Size: int64(len(f.base))}})
	if err != nil {
		return err
	}
	f.counts.copied += done.Copied
	return f.name(ctx, done.Hash, int64(len(b)))
}

// leave begins an upload, brings a chunk of it and leaves it at that.
func (f *filler) leave(ctx context.Context) error {
	b := make([]byte, client.ChunkSize+200_000)
	fill(b, f.random.Uint64())
	w := f.dial()
	defer w.Close()
	reply, err := w.call(proto.TypeUploadOpen, &proto.UploadOpen{Key: client.NewKey(), Size: int64(len(b))}, nil)
	if err != nil {
		return err
	}
	opened, err := proto.ParseUploadOpenReply(reply.header)
	if err != nil {
		return err
	}
	f.left = append(f.left, leaving{b, opened.Upload})
	f.counts.left++
	_, err = w.call(proto.TypeUploadChunk, chunkOf(opened.Upload, 0, b), b[:client.ChunkSize])
	return err
}

// finish goes on with what was left, as another device.
func (f *filler) finish(l leaving) {
	f.Helper()
	w := f.dial()
	defer w.Close()
	for i := range int64(2) {
		_, err := w.call(proto.TypeUploadChunk, chunkOf(l.upload, i, l.content), l.content[i*client.ChunkSize:min(int64(len(l.content)), (i+1)*client.ChunkSize)])
		f.must(err)
	}
	_, err := w.call(proto.TypeUploadSeal, &proto.UploadSeal{Key: client.NewKey(), Upload: l.upload, Size: int64(len(l.content)), Hash: client.Sum(l.content)}, nil)
	f.must(err)
	f.readBack(w, l.content)
}

// bringBack deletes a name, which is never refused, and restores it, which may be.
func (f *filler) bringBack(ctx context.Context) error {
	i := f.random.IntN(len(f.names))
	was := f.names[i]
	f.names = append(f.names[:i], f.names[i+1:]...)
	e, err := f.commit(ctx, client.Change{Op: client.OpDelete, Node: was.node, Expect: was.version})
	if err != nil {
		return errors.Join(errors.New("a delete is refused"), noCode(err))
	}
	reply, err := f.remote.Restore(ctx, client.RestoreRequest{Trash: e.Version})
	if err != nil {
		return err
	}
	f.counts.restored++
	f.names = append(f.names, named{reply.Node, reply.Version, was.hash})
	return nil
}

// noCode is an error as it is told, without its code.
func noCode(err error) error { return errors.New(err.Error()) }

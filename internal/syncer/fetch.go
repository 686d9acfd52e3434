package syncer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// syncEachBelow is the number of files below which each is synced by itself: a sync of the whole file system would
// also wait for whatever else is being written to it.
const syncEachBelow = 32

// content is what is fetched once, and the names that are to hold it.
type content struct {
	hash client.Hash
	size int64
	to   []Step
}

// contents gathers the names of each content, in order of first need.
func contents(files []Step) (small, large []*content) {
	at := make(map[client.Hash]*content, len(files))
	all := make([]content, 0, len(files))
	for _, s := range files {
		c := at[s.Src.Hash]
		if c == nil || c.size != s.Src.Size {
			all = append(all, content{hash: s.Src.Hash, size: s.Src.Size})
			c = &all[len(all)-1]
			at[s.Src.Hash] = c
			if c.size > client.MaxObjectsBody {
				large = append(large, c)
			} else {
				small = append(small, c)
			}
		}
		c.to = append(c.to, s)
	}
	return small, large
}

// cut cuts contents into batches within the protocol's limits, and so that all connections get some.
func cut(list []*content, lanes int) [][]*content {
	most := min(max(len(list)/(2*max(lanes, 1)), batchLeast), client.MaxBatch)
	var out [][]*content
	for start := 0; start < len(list); {
		end := start
		var bytes int64
		for end < len(list) && end-start < most {
			bytes += list[end].size
			if bytes > client.MaxObjectsBody && end > start {
				break
			}
			end++
		}
		out = append(out, list[start:end])
		start = end
	}
	return out
}

// fetcher is one goroutine that fetches batches.
type fetcher struct {
	p      *receiver
	pub    *publisher
	buf    []byte
	hashes []client.Hash
	done   []written
	path   []byte
	folder int   // open folder
	of     *Node // whose it is; nil: none is open
	dev    uint64
}

// batch fetches a batch; the server may answer it in several parts.
func (f *fetcher) batch(ctx context.Context, list []*content) error {
	var room int64
	for _, c := range list {
		room += c.size
	}
	if room = min(room, client.MaxObjectsBody); int64(cap(f.buf)) < room {
		f.buf = make([]byte, 0, min(2*room, client.MaxObjectsBody)) // the next batch may need a little more
	}
	defer f.leave()
	for len(list) > 0 && ctx.Err() == nil {
		f.hashes = f.hashes[:0]
		for _, c := range list {
			f.hashes = append(f.hashes, c.hash)
		}
		got, err := f.p.Server.GetObjects(ctx, f.hashes, f.buf[:0])
		if err != nil {
			return fmt.Errorf("fetch files: %w", err)
		}
		if len(got) == 0 || len(got) > len(list) {
			return fmt.Errorf("%d contents were asked for, %d came: %w", len(list), len(got), errHostile)
		}
		for i := range got {
			if err := f.write(list[i], &got[i]); err != nil {
				return err
			}
		}
		f.pub.take(f.done)
		f.done = nil
		list = list[len(got):]
	}
	return nil
}

// write writes one content to a temporary file for each of its names.
func (f *fetcher) write(c *content, got *client.Got) error {
	for i, s := range c.to {
		reason := ""
		switch {
		case got.Code == client.NotFound:
			reason = "its content is gone from the server: run the same command again"
		case got.Code != client.OK:
			reason = "the server refused it: " + got.Code.String()
		case int64(len(got.Data)) != c.size:
			reason = fmt.Sprintf("the server listed it with %d bytes and sent %d", c.size, len(got.Data))
		}
		if reason != "" {
			f.p.missed(s, "", errors.New(reason))
			continue
		}
		if !f.enter(s) {
			continue
		}
		w := written{Step: s, temp: f.p.temps.name(), dev: f.dev, synced: f.pub.each}
		var err error
		if w.ino, err = writeTemp(f.folder, w.temp, s.Src, got.Data, f.pub.each); err != nil {
			if full := fullDisk(err); full != nil {
				return full
			}
			f.p.missed(s, "keep", err)
			continue
		}
		f.done = append(f.done, w)
		if i == 0 {
			f.p.progress.DoneBytes.Add(c.size)
		} else {
			f.p.progress.DoneBytes.Add(s.Src.Size)
		}
	}
	return nil
}

// enter opens the folder of a name, if it is not the one that is open.
func (f *fetcher) enter(s Step) bool {
	if f.of == s.Src.Parent {
		return true
	}
	f.leave()
	fd, err := f.p.openFolder(s.Src.Parent, &f.path)
	if err == nil {
		if f.dev, err = deviceOf(fd); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		f.p.missed(s, "open its folder", err)
		return false
	}
	f.folder, f.of = fd, s.Src.Parent
	return true
}

func (f *fetcher) leave() {
	if f.of != nil {
		unix.Close(f.folder)
		f.of = nil
	}
}

// fetchLarge fetches a content above MaxObjectsBody, over several connections at once.
func (p *receiver) fetchLarge(ctx context.Context, pub *publisher, c *content) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.Stop != nil {
		go func() {
			select {
			case <-p.Stop:
				cancel()
			case <-work.Done():
			}
		}()
	}
	for _, s := range c.to {
		err := p.fetchOneLarge(work, pub, s)
		if work.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			continue
		}
		if full := fullDisk(err); full != nil {
			return full
		}
		var local localError
		if client.CodeOf(err) != client.NotFound && !errors.As(err, &local) {
			return fmt.Errorf("fetch %s: %w", Terminal(s.Src.Path()), err)
		}
		p.missed(s, "fetch", err)
	}
	return nil
}

// localError is an error on this side, which concerns one file only.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

func (p *receiver) fetchOneLarge(ctx context.Context, pub *publisher, s Step) (err error) {
	var path []byte
	folder, err := p.openFolder(s.Src.Parent, &path)
	if err != nil {
		return localError{err}
	}
	defer unix.Close(folder)
	w := written{Step: s, synced: true}
	part, err := openPartial(folder, s.Src.Hash, p.temps.name())
	if err != nil {
		return localError{err}
	}
	p.Run.Partial(filepath.Join(p.Dir, string(path), part.Name()))
	var told int64
	defer func() {
		if err != nil {
			part.Failed(err)
			p.progress.DoneBytes.Add(-told)
		}
	}()
	opt := client.DownloadOptions{Resume: true, Progress: func(n int64) {
		p.progress.DoneBytes.Add(n)
		told += n
	}}
	if s.Dst != nil && s.Dst.Kind == proto.KindFile && s.Dst.Size > 0 {
		if older, err := openRegular(p.at, s.Dst.Path()); err == nil { // else all is fetched
			defer older.Close()
			opt.Older = older
		}
	}
	got, err := p.Server.Download(ctx, s.Src.Hash, s.Src.Size, part.File, opt)
	if err != nil {
		return err
	}
	p.saved(got.Copied, got.Zeros, got.Found)
	if err = finishTemp(part.fd, s.Src, true); err != nil {
		return localError{err}
	}
	var st unix.Stat_t
	if err = fstat(part.fd, &st); err != nil {
		return localError{err}
	}
	w.dev, w.ino = st.Dev, st.Ino
	if w.temp, err = part.Done(); err != nil {
		return localError{err}
	}
	pub.take([]written{w})
	return nil
}

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"sluice/internal/delta"
	"sluice/internal/proto"
)

// compare tells what of a content lies in a file. Whole blocks are compared, since nobody tells later which chunk a wrong guess
// was in.
func (r *Remote) compare(ctx context.Context, content Hash, size int64, older *os.File) ([]delta.Match, error) {
	st, err := older.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() < delta.LeastBlock {
		return nil, nil // then all is fetched
	}
	s, err := r.signature(ctx, content, size)
	if err != nil {
		return nil, fmt.Errorf("look at what the server has: %w", err)
	}
	scan, sums := delta.NewScan(s), newSums(r, content, size)
	queue := newQueue(proto.Chunks(st.Size()))
	var mu sync.Mutex
	var all []delta.Match
	group, ctx := errgroup.WithContext(ctx)
	for range min(int64(runtime.GOMAXPROCS(0)+1), proto.Chunks(st.Size())) { // one more, as one may wait for sums
		group.Go(func() error {
			buf := make([]byte, scan.Buffer())
			for ctx.Err() == nil {
				index, _, ok := queue.next()
				if !ok {
					return nil
				}
				from := index * ChunkSize
				found, _, err := scan.Part(older, from, min(from+ChunkSize, st.Size()), st.Size(), sums.of(ctx), buf, nil)
				if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*os.PathError)) {
					return nil // it is being changed, or cannot be read: what was found so far may still be right
				}
				if err != nil {
					return err
				}
				mu.Lock()
				all = append(all, found...)
				mu.Unlock()
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return turned(all), nil
}

// turned are matches seen from the other side, in order. Where two are of the same bytes the first has them.
func turned(matches []delta.Match) []delta.Match {
	for i, m := range matches {
		matches[i] = delta.Match{At: m.From, From: m.At, Length: m.Length}
	}
	slices.SortFunc(matches, func(a, b delta.Match) int { return int(min(max(a.At-b.At, -1), 1)) })
	kept := matches[:0]
	end := int64(0)
	for _, m := range matches {
		if over := end - m.At; over > 0 {
			m.At, m.From, m.Length = m.At+over, m.From+over, m.Length-over
		}
		if m.Length > 0 {
			kept = append(kept, m)
			end = m.At + m.Length
		}
	}
	return kept
}

// cut are the parts of matches, which are in order, that lie in a range.
func cut(matches []delta.Match, from, to int64) (all []delta.Match) {
	i, _ := slices.BinarySearchFunc(matches, from, func(m delta.Match, at int64) int {
		if m.At+m.Length <= at {
			return -1
		}
		return 1
	})
	for ; i < len(matches) && matches[i].At < to; i++ {
		m := matches[i]
		if over := from - m.At; over > 0 {
			m.At, m.From, m.Length = m.At+over, m.From+over, m.Length-over
		}
		m.Length = min(m.Length, to-m.At)
		all = append(all, m)
	}
	return all
}

// copyInto copies a range of one file into another and shows it to seen on the way. What can share its extents is shared and
// read back. A file that has become shorter gives less, which the hash will tell.
func copyInto(f *os.File, at int64, from *os.File, offset, length int64, buf []byte, seen io.Writer) error {
	shared := share(f, at, from, offset, length)
	if err := readBack(f, at, shared, buf, seen); err != nil {
		return err
	}
	for done := shared; done < length; {
		b := buf[:min(int64(len(buf)), length-done)]
		n, err := from.ReadAt(b, offset+done)
		if n < len(b) && err != io.EOF {
			return err
		}
		seen.Write(b[:n])
		if _, err := f.WriteAt(b[:n], at+done); err != nil {
			return err
		}
		if n < len(b) {
			return nil
		}
		done += int64(n)
	}
	return nil
}

// readBack shows a range of a file to seen.
func readBack(f *os.File, at, length int64, buf []byte, seen io.Writer) error {
	for length > 0 {
		b := buf[:min(int64(len(buf)), length)]
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		seen.Write(b)
		at, length = at+int64(len(b)), length-int64(len(b))
	}
	return nil
}

// share lets a range of a file have the extents of another one's, as far as borders and file system allow.
func share(f *os.File, at int64, from *os.File, offset, length int64) int64 {
	const unit = 4 << 10 // the blocks of all file systems that can share
	length -= length % unit
	if length == 0 || at%unit != 0 || offset%unit != 0 {
		return 0
	}
	err := onFile(f, func(to int) error {
		return onFile(from, func(source int) error {
			return unix.IoctlFileCloneRange(to, &unix.FileCloneRange{
				Src_fd: int64(source), Src_offset: uint64(offset), Src_length: uint64(length), Dest_offset: uint64(at),
			})
		})
	})
	if err != nil {
		return 0
	}
	return length
}

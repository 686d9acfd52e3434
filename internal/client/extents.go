package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// span is a range of a file or content.
type span struct{ from, to int64 }

// maxHoles bounds what is remembered of a file's holes: those that lie behind the last one are sent as zeros.
const maxHoles = 1 << 20

// holesOf finds the holes of a file of size bytes; a file system that cannot tell has none.
func holesOf(f *os.File, size int64) (holes []span, err error) {
	err = onFile(f, func(fd int) error {
		for at := int64(0); at < size && len(holes) < maxHoles; {
			hole, err := unix.Seek(fd, at, unix.SEEK_HOLE)
			if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENXIO) {
				return nil
			}
			if err != nil {
				return err
			}
			if hole >= size {
				return nil
			}
			data, err := unix.Seek(fd, hole, unix.SEEK_DATA)
			if errors.Is(err, unix.ENXIO) {
				data, err = size, nil
			}
			if err != nil {
				return err
			}
			data = min(data, size)
			holes = append(holes, span{hole, data})
			at = data
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for holes in %s: %w", f.Name(), err)
	}
	return holes, nil
}

// holesIn asks where a content has no data; its size must be as known.
func (r *Remote) holesIn(ctx context.Context, content Hash, size int64) (holes []span, err error) {
	for at := int64(0); at < size; {
		q := newCall(proto.TypeExtents, &proto.Extents{Hash: content, Offset: at})
		got, err := r.do(ctx, q)
		if err != nil {
			return nil, err
		}
		answer := got.header.(*proto.ExtentsReply)
		if answer.Size != size {
			return nil, fmt.Errorf("content %x has %d bytes instead of %d: %w", content[:], answer.Size, size, ErrIntegrity)
		}
		for _, data := range append(answer.Data, proto.Extent{Offset: answer.End}) {
			if data.Offset > at {
				holes = append(holes, span{at, data.Offset})
			}
			at = data.Offset + data.Length
		}
		if len(holes) > maxHoles {
			return nil, nil // it costs no more to fetch them
		}
	}
	return holes, nil
}

// within are the parts of spans, which are in order, that lie in a range.
func within(spans []span, from, to int64) (all []span) {
	i, _ := slices.BinarySearchFunc(spans, from, func(s span, at int64) int {
		if s.to <= at {
			return -1
		}
		return 1
	})
	for ; i < len(spans) && spans[i].from < to; i++ {
		all = append(all, span{max(spans[i].from, from), min(spans[i].to, to)})
	}
	return all
}

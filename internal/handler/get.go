package handler

import (
	"errors"

	"sluice/internal/proto"
	"sluice/internal/store"
)

// cut gives the length of a range of a content of the given size.
func cut(size, offset, length int64) int64 {
	rest := max(0, size-offset)
	if length < 0 {
		return rest
	}
	return min(rest, length)
}

// quickGet answers a small range of a content that memory knows, if its pages are in memory too.
func quickGet(s *Service, c *Call) (Outcome, bool) {
	h := c.Header.(*proto.Get)
	if !c.Peer.fresh() {
		return nil, false
	}
	l := s.store.Remembered(c.Peer.Who, h.Hash)
	if l == nil {
		return nil, false
	}
	length := cut(l.Size, h.Offset, h.Length)
	if length > MemoryBody {
		return nil, false
	}
	b := make([]byte, length)
	if n, ok := s.store.ReadNow(l, h.Offset, b); !ok || int64(n) != length {
		return nil, false
	}
	return Reply{Header: (&proto.GetReply{Size: l.Size}).Append(nil), Parts: []Part{{Bytes: b}}}, true
}

// lookAgain is how often a content is looked up whose file was removed between the look and the opening: it was moved, and
// two moves that fast are one more than there are.
const lookAgain = 3

// beginGet answers a range of a content this account holds.
func beginGet(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Get)
	for try := 1; ; try++ {
		l, err := s.store.Find(c.Peer.Who, h.Hash)
		if err != nil {
			return fail(err)
		}
		parts, err := s.read(l, h.Offset, cut(l.Size, h.Offset, h.Length), nil)
		if errors.Is(err, store.ErrNotFound) && try < lookAgain {
			continue
		}
		if err != nil {
			return fail(err)
		}
		return Reply{Header: (&proto.GetReply{Size: l.Size}).Append(nil), Parts: parts}
	}
}

// read appends a range to parts: below the border as bytes, else as a source to be spliced.
func (s *Service) read(l *store.Location, offset, length int64, parts []Part) ([]Part, error) {
	if length == 0 {
		return parts, nil
	}
	file, err := l.Open()
	if err != nil {
		return parts, err
	}
	if length > MemoryBody {
		return append(parts, Part{Source: file, Offset: file.Base() + offset, Length: length}), nil
	}
	defer file.Release()
	b := make([]byte, length)
	if err := file.ReadAt(b, offset); err != nil {
		return parts, err
	}
	return append(parts, Part{Bytes: b}), nil
}

// release gives back the sources of parts that will not be sent.
func release(parts []Part) {
	for _, p := range parts {
		if p.Source != nil {
			p.Source.Release()
		}
	}
}

package handler

import (
	"sluice/internal/proto"
	"sluice/internal/store"
)

// takeObjects says how many of the wanted contents one reply carries, and what is told of each. find answers nil for
// one that is not held; false: it cannot say.
func takeObjects(hashes []proto.Hash, find func([32]byte) (*store.Location, bool)) ([]proto.GotObject, []*store.Location, bool) {
	var objects []proto.GotObject
	var found []*store.Location
	body := int64(0)
	for _, h := range hashes {
		l, ok := find(h)
		if !ok {
			return nil, nil, false
		}
		switch {
		case l == nil:
			objects = append(objects, proto.GotObject{Code: proto.NotFound})
		case l.Size > proto.MaxObjectsBody:
			objects = append(objects, proto.GotObject{Code: proto.TooLarge})
			l = nil
		case body+l.Size > proto.MaxObjectsBody:
			return objects, found, true
		default:
			objects = append(objects, proto.GotObject{Size: l.Size})
			body += l.Size
		}
		found = append(found, l)
	}
	return objects, found, true
}

// quickGetObjects answers on the loop when memory knows all, the bodies are small and their pages are in memory.
func quickGetObjects(s *Service, c *Call) (Outcome, bool) {
	h := c.Header.(*proto.GetObjects)
	if !c.Peer.fresh() {
		return nil, false
	}
	objects, found, ok := takeObjects(h.Hashes, func(hash [32]byte) (*store.Location, bool) {
		l := s.store.Remembered(c.Peer.Who, hash)
		return l, l != nil
	})
	if !ok {
		return nil, false
	}
	total := int64(0)
	for _, o := range objects {
		total += o.Size
	}
	if total > MemoryBody {
		return nil, false
	}
	b := make([]byte, total)
	at := int64(0)
	for i, l := range found {
		if l == nil {
			continue
		}
		if n, ok := s.store.ReadNow(l, 0, b[at:at+objects[i].Size]); !ok || int64(n) != objects[i].Size {
			return nil, false
		}
		at += objects[i].Size
	}
	return Reply{Header: (&proto.GetObjectsReply{Objects: objects}).Append(nil), Parts: []Part{{Bytes: b}}}, true
}

// beginGetObjects answers a prefix of what was asked.
func beginGetObjects(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.GetObjects)
	locations, err := s.store.FindAll(c.Peer.Who, plain(h.Hashes))
	if err != nil {
		return fail(err)
	}
	next := 0
	objects, found, _ := takeObjects(h.Hashes, func([32]byte) (*store.Location, bool) {
		l := locations[next]
		next++
		return l, true
	})
	parts, err := s.readAll(objects, found)
	if err != nil {
		release(parts)
		return fail(err)
	}
	return Reply{Header: (&proto.GetObjectsReply{Objects: objects}).Append(nil), Parts: parts}
}

// readAll makes the parts of many contents: small ones are read into one buffer for each run of neighbours, larger ones
// are spliced.
func (s *Service) readAll(objects []proto.GotObject, found []*store.Location) ([]Part, error) {
	var parts []Part
	var run []byte
	flush := func() {
		if len(run) > 0 {
			parts, run = append(parts, Part{Bytes: run}), nil
		}
	}
	for i, l := range found {
		if l == nil || objects[i].Size == 0 {
			continue
		}
		if l.Size > MemoryBody {
			flush()
			more, err := s.read(l, 0, l.Size, parts)
			if err != nil {
				return parts, err
			}
			parts = more
			continue
		}
		file, err := l.Open()
		if err != nil {
			return parts, err
		}
		at := len(run)
		run = append(run, make([]byte, l.Size)...)
		err = file.ReadAt(run[at:], 0)
		file.Release()
		if err != nil {
			return parts, err
		}
	}
	flush()
	return parts, nil
}

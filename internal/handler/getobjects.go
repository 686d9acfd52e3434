package handler

import (
	"errors"

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
		case l.Spoiled:
			objects = append(objects, proto.GotObject{Code: proto.Damaged})
			l = nil
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
	if !s.store.ReadAllNow(found, b) {
		return nil, false
	}
	return Reply{Header: (&proto.GetObjectsReply{Objects: objects}).Append(nil), Parts: []Part{{Bytes: b}}}, true
}

// beginGetObjects answers a prefix of what was asked. What memory said and is not there is looked up again.
func beginGetObjects(s *Service, c *Call) Outcome {
	hashes := plain(c.Header.(*proto.GetObjects).Hashes)
	find := s.store.FindAll
	for try := 1; ; try++ {
		locations, err := find(c.Peer.Who, hashes)
		if err != nil {
			return fail(err)
		}
		reply, err := s.getObjects(c.Header.(*proto.GetObjects), locations)
		if errors.Is(err, store.ErrNotFound) && try < lookAgain {
			find = s.store.FindAgain
			continue
		}
		if err != nil {
			return fail(err)
		}
		return reply
	}
}

func (s *Service) getObjects(h *proto.GetObjects, locations []*store.Location) (Reply, error) {
	next := 0
	objects, found, _ := takeObjects(h.Hashes, func([32]byte) (*store.Location, bool) {
		l := locations[next]
		next++
		return l, true
	})
	parts, err := s.readAll(objects, found)
	if err != nil {
		release(parts)
		return Reply{}, err
	}
	return Reply{Header: (&proto.GetObjectsReply{Objects: objects}).Append(nil), Parts: parts}, nil
}

// readAll makes the parts of many contents: neighbours of at most MemoryBody are read into one buffer, larger ones are
// spliced.
func (s *Service) readAll(objects []proto.GotObject, found []*store.Location) ([]Part, error) {
	var parts []Part
	for i := 0; i < len(found); {
		end, bytes := i, int64(0)
		for ; end < len(found) && objects[end].Size <= MemoryBody; end++ {
			bytes += objects[end].Size
		}
		if end > i {
			if bytes > 0 {
				b := make([]byte, bytes)
				if err := s.store.ReadAll(found[i:end], b); err != nil {
					return parts, err
				}
				parts = append(parts, Part{Bytes: b})
			}
			i = end
			continue
		}
		more, err := s.read(found[i], 0, objects[i].Size, parts)
		if err != nil {
			return parts, err
		}
		parts = more
		i++
	}
	return parts, nil
}

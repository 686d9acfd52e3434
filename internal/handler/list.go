package handler

import (
	"sluice/internal/proto"
	"sluice/internal/store"
)

// page collects entries until their encoding would fill a reply header, or there are as many as the reply may hold.
type page struct {
	entries []proto.Entry
	most    int
	room    int
}

// newPage leaves room for the fields beside the entries.
func newPage(most int) *page { return &page{most: most, room: proto.MaxReplyHeader - 512} }

// add takes one more entry, or says that the page is full.
func (p *page) add(e store.Entry) bool {
	// The longest an entry's fields, digits and punctuation can be is 330 bytes beside the name; a byte of a name takes
	// one, as %XX three, as a JSON escape at most six.
	size := 330
	for i := 0; i < len(e.Name); i++ {
		switch b := e.Name[i]; {
		case b < 0x20:
			size += 6
		case b >= 0x80 || b == '%':
			size += 3
		case b == '"' || b == '\\':
			size += 2
		default:
			size++
		}
	}
	if size > p.room || len(p.entries) == p.most {
		return false
	}
	p.room -= size
	p.entries = append(p.entries, toEntry(e))
	return true
}

func toEntry(e store.Entry) proto.Entry {
	return proto.Entry{
		Node: e.Node, Parent: e.Parent, Name: e.Name, Kind: proto.Kind(e.Kind), Size: e.Size, Mode: e.Mode,
		Mtime: e.Mtime, Version: e.Version, Hash: e.Hash, Deleted: e.Deleted,
	}
}

// beginList answers a page of a folder's children, or of all below it.
func beginList(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.List)
	p := newPage(proto.MaxReplyHeader) // a page of a list is bounded by its bytes alone
	epoch, journal, more, err := s.store.ListAt(c.Peer.Who, h.Namespace, h.Node, h.At, h.Recursive, h.After, p.add)
	if err != nil {
		return fail(err)
	}
	return reply(&proto.ListReply{Epoch: epoch, Journal: journal, More: more, Entries: p.entries})
}

// beginStat follows a path as far as it goes.
func beginStat(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Stat)
	epoch, journal, found, err := s.store.StatAt(c.Peer.Who, h.Namespace, h.Node, h.At, h.Path)
	if err != nil {
		return fail(err)
	}
	answer := proto.StatReply{Epoch: epoch, Journal: journal, Entries: make([]proto.Entry, len(found))}
	for i, e := range found {
		answer.Entries[i] = toEntry(e)
	}
	return reply(&answer)
}

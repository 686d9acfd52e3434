package handler

import (
	"strings"

	"sluice/internal/proto"
	"sluice/internal/store"
)

// room is what is left of a page of a reply.
type room struct {
	bytes, entries int
	scratch        []byte
}

// newRoom leaves room for the fields beside the entries.
func newRoom() *room { return &room{bytes: proto.MaxReplyHeader - 512, entries: proto.MaxBatch} }

// take says whether an entry fits, which write appends.
func (r *room) take(write func(b []byte) []byte) bool {
	r.scratch = write(r.scratch[:0])
	if r.entries == 0 || len(r.scratch)+1 > r.bytes {
		return false
	}
	r.entries--
	r.bytes -= len(r.scratch) + 1
	return true
}

// pathText writes names as one path. Of one that is too long the first names are left out: it is for people.
func pathText(names []string) string {
	length := 0
	first := len(names)
	for first > 0 {
		length += len(proto.EscapeName(names[first-1])) + 1
		if length > proto.MaxPathBytes {
			break
		}
		first--
	}
	return strings.Join(names[first:], "/")
}

// beginVersions tells the versions of a name.
func beginVersions(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Versions)
	answer := proto.VersionsReply{}
	r := newRoom()
	var err error
	answer.Epoch, answer.Journal, answer.More, err = s.store.Versions(c.Peer.Who, h.Namespace, h.Node, h.Path, h.Before, func(v store.Version) bool {
		k := proto.KeptVersion{
			Entry: toEntry(v.Entry), Made: v.Made, By: v.By, Until: v.Until, Ended: v.Ended, How: proto.Ending(v.How), Ending: v.Ending,
		}
		fits := r.take(k.Append)
		if fits {
			answer.Versions = append(answer.Versions, k)
		}
		return fits
	})
	if err != nil {
		return fail(err)
	}
	return reply(&answer)
}

// beginLog tells what happened below a folder.
func beginLog(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Log)
	answer := proto.LogReply{}
	r := newRoom()
	var err error
	answer.Epoch, answer.Journal, answer.Next, err = s.store.Log(c.Peer.Who, h.Namespace, h.Node, h.Before, h.Since, func(e store.Event) bool {
		p := proto.Event{
			Number: e.Number, What: proto.Happening(e.What), Node: e.Node, Kind: proto.Kind(e.Kind), Size: e.Size,
			Path: pathText(e.Path), From: pathText(e.From), At: e.At, Device: e.Device,
		}
		fits := r.take(p.Append)
		if fits {
			answer.Events = append(answer.Events, p)
		}
		return fits
	})
	if err != nil {
		return fail(err)
	}
	return reply(&answer)
}

// beginTrash tells the deleted names.
func beginTrash(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Trash)
	answer := proto.TrashReply{}
	r := newRoom()
	var err error
	answer.Epoch, answer.Journal, answer.More, err = s.store.Trash(c.Peer.Who, h.Namespace, h.Before, func(t store.Trashed) bool {
		p := proto.Trashed{
			Number: t.Number, Node: t.Node, Kind: proto.Kind(t.Kind), Size: t.Size, Names: t.Names, Path: pathText(t.Path), At: t.At, Device: t.Device,
		}
		fits := r.take(p.Append)
		if fits {
			answer.Names = append(answer.Names, p)
		}
		return fits
	})
	if err != nil {
		return fail(err)
	}
	return reply(&answer)
}

// beginRestore brings back what was.
func beginRestore(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Restore)
	r := store.Restore{
		Node: h.Node, Path: h.Path, At: h.At, Trash: h.Trash, Parent: h.Parent, Name: h.Name, Exact: h.Exact, Dry: h.Dry,
	}
	return replyRaw(s.store.Restore(c.Peer.Who, c.once(h.Key), h.Namespace, r, func(journal int64, d store.Restored) []byte {
		answer := proto.RestoreReply{Journal: journal, Node: d.Node, Version: d.Version, Made: d.Made, Replaced: d.Replaced, Deleted: d.Deleted}
		return answer.Append(nil)
	}))
}

// beginTrashEmpty gives up deleted names.
func beginTrashEmpty(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.TrashEmpty)
	return replyRaw(s.store.TrashEmpty(c.Context, c.Peer.Who, c.once(h.Key), h.Namespace, h.Before, h.Dry, func(names int64) []byte {
		return (&proto.TrashEmptyReply{Names: names}).Append(nil)
	}))
}

package handler

import (
	"sluice/internal/proto"
	"sluice/internal/store"
)

// beginCommit changes names, all entries in one transaction.
func beginCommit(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Commit)
	changes := make([]store.Change, len(h.Changes))
	for i := range h.Changes {
		changes[i] = toChange(&h.Changes[i])
	}
	return replyRaw(s.store.Commit(c.Peer.Who, c.once(h.Key), h.Namespace, h.All, h.Journal, changes, commitReply))
}

// commitReply encodes the fates of a commit's entries, within the transaction: it is what a repetition gets.
func commitReply(journal int64, fates []store.Fate) []byte {
	answer := proto.CommitReply{Journal: journal, Entries: make([]proto.Changed, len(fates))}
	for i, f := range fates {
		answer.Entries[i] = proto.Changed{Node: f.Node, Version: f.Version}
		if f.Err != nil {
			e := failEntry(i, f.Err)
			answer.Entries[i].Code, answer.Entries[i].Message = e.Code, e.Message // with what stands there, if it is known
		}
	}
	return answer.Append(nil)
}

func toChange(c *proto.Change) store.Change {
	return store.Change{
		Op:         store.Op(c.Op),
		Parent:     store.Place{Node: c.Parent.Node, Entry: c.Parent.Entry},
		Name:       c.Name,
		Node:       c.Node,
		Kind:       store.Kind(c.Kind),
		Hash:       c.Hash,
		Size:       c.Size,
		Mode:       c.Mode,
		Mtime:      c.Mtime,
		Expect:     c.Expect,
		ExpectNode: c.ExpectNode,
		Recursive:  c.Recursive,
	}
}

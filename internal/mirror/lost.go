package mirror

import (
	"encoding/binary"

	"sluice/internal/proto"
	"sluice/internal/reconcile"
	"sluice/internal/state"
)

// What a commit does is remembered until it is answered, so that it is known for our own should the reply be lost. A content
// has its name's folder, the name and its hash; the others are told from it by what they have in place of a hash.

// ownMove is how a node's move to a place is remembered until it is answered.
func ownMove(node, parent int64, name string) state.SyncSent {
	s := state.SyncSent{Parent: parent, Name: name}
	binary.BigEndian.PutUint64(s.Hash[:], uint64(node))
	return s
}

// ownDelete is how the delete of a node is remembered until it is answered.
func ownDelete(node int64) state.SyncSent { return state.SyncSent{Parent: node} }

// ownMkdir is how a folder here is remembered until the server's is known. parent 0: it is made by the same commit, and known
// by the inode of the folder here.
func ownMkdir(parent int64, l *reconcile.Entry) state.SyncSent {
	s := state.SyncSent{Parent: parent, Name: l.Name}
	binary.BigEndian.PutUint64(s.Hash[:], uint64(l.Mtime))
	binary.BigEndian.PutUint64(s.Hash[8:], l.Facts.Ino)
	binary.BigEndian.PutUint64(s.Hash[16:], uint64(l.Facts.Born))
	if parent == 0 {
		binary.BigEndian.PutUint64(s.Hash[24:], l.Parent.Facts.Ino)
	}
	return s
}

// ownFile is how it is remembered which file here a content is of that goes over another one: it may have moved there.
func ownFile(parent int64, name string, l *reconcile.Entry) state.SyncSent {
	s := state.SyncSent{Parent: parent, Name: name}
	copy(s.Hash[:8], l.Hash[:])
	binary.BigEndian.PutUint64(s.Hash[8:], l.Facts.Ino)
	binary.BigEndian.PutUint64(s.Hash[16:], uint64(l.Facts.Born))
	return s
}

// isPut says whether a content was sent under a name: what the others have in place of a hash ends with zeros.
func isPut(s state.SyncSent) bool {
	return s.Name != "" && s.Parent != 0 && binary.BigEndian.Uint64(s.Hash[24:]) != 0
}

// done gives the agreed row that a node has by a commit of ours whose reply was lost; a is the one it had, if it was agreed. What
// was done here since was done to that.
func (f *following) done(n *state.SyncNews, a *state.SyncNode, agreed bool, own map[state.SyncSent]bool) (row state.SyncNode, ok bool) {
	row, ok = f.made(n, own) // asked for in any case: what it holds is told by it
	switch {
	case own[state.SyncSent{Parent: n.Parent, Name: n.Name, Hash: n.Hash}]:
		return file(n, a, own), true // here there was this content then: what there is now is to be looked at
	case agreed && own[ownMove(n.ID, n.Parent, n.Name)]:
		row = *a
		row.Parent, row.Name = n.Parent, n.Name
		return row, true
	}
	return row, ok && !agreed
}

// file gives the row of a content that we have put, with the file it was of here; was is what the node had.
func file(n *state.SyncNews, was *state.SyncNode, sent map[state.SyncSent]bool) state.SyncNode {
	row := state.SyncNode{SyncEntry: n.SyncEntry, Ino: was.Ino, Born: was.Born}
	for s := range sent {
		if s.Parent == n.Parent && s.Name == n.Name && s.Hash != n.Hash && [8]byte(s.Hash[:8]) == [8]byte(n.Hash[:8]) {
			row.Ino, row.Born = binary.BigEndian.Uint64(s.Hash[8:]), int64(binary.BigEndian.Uint64(s.Hash[16:]))
			row.FactSize, row.FactMtime = n.Size, n.Mtime // without a ctime, so it is read again
		}
	}
	return row
}

// made gives the row of a folder on the server that we have made, or would have made just so, with what it is known by here.
// Folders are asked for before what they hold.
func (f *following) made(n *state.SyncNews, sent map[state.SyncSent]bool) (row state.SyncNode, ok bool) {
	if n.Kind != uint8(proto.KindFolder) {
		return row, false
	}
	for s := range sent {
		if s.Name != n.Name || binary.BigEndian.Uint64(s.Hash[:]) != uint64(n.Mtime) {
			continue
		}
		in := f.mine[n.Parent]
		if s.Parent != n.Parent && (s.Parent != 0 || in == 0 || binary.BigEndian.Uint64(s.Hash[24:]) != in) {
			continue
		}
		row = state.SyncNode{SyncEntry: n.SyncEntry, Ino: binary.BigEndian.Uint64(s.Hash[8:]), Born: int64(binary.BigEndian.Uint64(s.Hash[16:]))}
		if f.mine == nil {
			f.mine = make(map[int64]uint64)
		}
		f.mine[n.ID] = row.Ino
		return row, true
	}
	return row, false
}

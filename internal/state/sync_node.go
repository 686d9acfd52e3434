package state

import (
	"encoding/binary"
	"errors"
)

// errNode is a row that is not as it was written.
var errNode = errors.New("a row of what both sides had last is damaged")

// nodeSize is what append writes: kind, mode, seven numbers, a hash.
const nodeSize = 1 + 4 + 7*8 + 32

// append writes what a row holds of a node in one piece, as schema/0004.sql does.
func (n *SyncNode) append(b []byte) []byte {
	b = append(b, n.Kind)
	b = binary.BigEndian.AppendUint32(b, n.Mode)
	for _, v := range [...]int64{n.Size, n.Mtime, n.Version, n.FactSize, n.FactMtime, n.FactCtime, n.Born} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return append(b, n.Hash[:]...)
}

// take reads what append has written.
func (n *SyncNode) take(b []byte) error {
	if len(b) != nodeSize {
		return errNode
	}
	n.Kind, n.Mode = b[0], binary.BigEndian.Uint32(b[1:])
	b = b[5:]
	for _, v := range [...]*int64{&n.Size, &n.Mtime, &n.Version, &n.FactSize, &n.FactMtime, &n.FactCtime, &n.Born} {
		*v, b = int64(binary.BigEndian.Uint64(b)), b[8:]
	}
	n.Hash = [32]byte(b)
	return nil
}

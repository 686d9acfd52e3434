package state

import (
	"math"
	"testing"
)

func TestNodeInOnePiece(t *testing.T) {
	var hash [32]byte
	for i := range hash {
		hash[i] = byte(i + 1)
	}
	for _, n := range []SyncNode{
		{},
		{SyncEntry: SyncEntry{Kind: 2, Hash: hash, Size: 1, Mode: 0o644, Mtime: -5, Version: 7}, FactSize: 2, FactMtime: 3, FactCtime: 4, Born: 6},
		{SyncEntry: SyncEntry{Kind: 255, Size: math.MaxInt64, Mode: math.MaxUint32, Mtime: math.MinInt64}, FactSize: -1, FactCtime: math.MaxInt64},
	} {
		b := n.append(nil)
		var got SyncNode
		if err := got.take(b); err != nil || got != n {
			t.Errorf("%+v is read as %+v, %v", n, got, err)
		}
		for _, bad := range [][]byte{nil, b[1:], append(b, 0)} {
			if err := new(SyncNode).take(bad); err == nil {
				t.Errorf("%d bytes are read", len(bad))
			}
		}
	}
}

package conn

import (
	"time"

	"sluice/internal/proto"
	"sluice/internal/stats"
)

// classes says which of the latency histograms a request type belongs to; a test wants every type here.
var classes = [...]stats.Class{
	proto.TypeHello:        stats.Session,
	proto.TypePing:         stats.Session,
	proto.TypeLogin:        stats.Session,
	proto.TypeDeviceRevoke: stats.Session,
	proto.TypeQuota:        stats.Session,
	proto.TypeHave:         stats.Lookup,
	proto.TypePutObjects:   stats.Upload,
	proto.TypeUploadOpen:   stats.Change,
	proto.TypeUploadChunk:  stats.Upload,
	proto.TypeUploadSeal:   stats.Change,
	proto.TypeProbe:        stats.Lookup,
	proto.TypeProve:        stats.Change,
	proto.TypeSignature:    stats.Lookup,
	proto.TypeExtents:      stats.Lookup,
	proto.TypeAssemble:     stats.Upload,
	proto.TypeCommit:       stats.Change,
	proto.TypeList:         stats.Lookup,
	proto.TypeStat:         stats.Lookup,
	proto.TypeChanges:      stats.Lookup,
	proto.TypeGet:          stats.Download,
	proto.TypeGetObjects:   stats.Download,
	proto.TypeVersions:     stats.Lookup,
	proto.TypeLog:          stats.Lookup,
	proto.TypeTrash:        stats.Lookup,
	proto.TypeRestore:      stats.Change,
	proto.TypeTrashEmpty:   stats.Change,
	proto.TypeUploads:      stats.Lookup,
	proto.TypeUploadCancel: stats.Change,
}

// reasons says for each code who has to do something about it. A code of tomorrow that is missing here is our fault, and
// counts as such.
var reasons = [...]stats.Reason{
	proto.Internal:     stats.Internal,
	proto.BadPrelude:   stats.Malformed,
	proto.UnknownType:  stats.Malformed,
	proto.TooLarge:     stats.Malformed,
	proto.BadHeader:    stats.Malformed,
	proto.BadName:      stats.Malformed,
	proto.NotLoggedIn:  stats.Login,
	proto.BadLogin:     stats.Login,
	proto.Revoked:      stats.Login,
	proto.NotFound:     stats.Missing,
	proto.Forbidden:    stats.Denied,
	proto.Conflict:     stats.Conflict,
	proto.Exists:       stats.Conflict,
	proto.NotFolder:    stats.Conflict,
	proto.IsFolder:     stats.Conflict,
	proto.NotEmpty:     stats.Conflict,
	proto.HashMismatch: stats.Corrupt,
	proto.OverQuota:    stats.Quota,
	proto.NoSpace:      stats.Space,
	proto.Busy:         stats.Busy,
	proto.Timeout:      stats.Slow,
	proto.KeyReused:    stats.Malformed,
	proto.EpochChanged: stats.Conflict,
	proto.Draining:     stats.Busy,
	proto.Differs:      stats.Conflict,
	proto.NotUploaded:  stats.Missing,
	proto.Cycle:        stats.Conflict,
	proto.TooManyTries: stats.Login,
	proto.BadVersion:   stats.Malformed,
	proto.TooSlow:      stats.Slow,
	proto.ReadOnly:     stats.Stopped,
	proto.EntryAborted: stats.Conflict,
	proto.Unsupported:  stats.Malformed,
	proto.Damaged:      stats.Corrupt,
	proto.NotKept:      stats.Missing,
}

// count adds an answered request to the page. It runs on the loop for each request: a clock reading and a few additions
// to memory that no other core writes: about 0.1 us of the 3 to 13 that a request costs.
func (r *request) count(slot *stats.Slot) {
	slot.Requests.Add(1)
	slot.BytesIn.Add(uint64(r.in))
	if e := r.reply.Err; e != nil {
		slot.Errors.Add(1)
		slot.ByReason[reasonOf(e.Code)].Add(1)
	}
	if r.types == nil || !r.park.Until.IsZero() {
		return // no type, or the wait for news would drown what the server took
	}
	// Not the loop's clock: it stands still within a turn, and a long turn is part of what the peer waits for.
	slot.Latency[classOf(r.types.Type)].Observe(time.Since(r.started))
}

func classOf(t proto.Type) stats.Class {
	if int(t) < len(classes) {
		return classes[t]
	}
	return stats.Session
}

func reasonOf(c proto.Code) stats.Reason {
	if int(c) < len(reasons) {
		return reasons[c]
	}
	return stats.Internal
}

// kindOf names a violation by where it was found.
func kindOf(at state, f *refusal) stats.Kind {
	switch {
	case f == errHeaderLate:
		return stats.Late
	case at == decide, at == readPrelude:
		return stats.Prelude
	}
	return stats.Header
}

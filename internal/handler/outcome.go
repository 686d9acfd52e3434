package handler

import (
	"time"

	"sluice/internal/proto"
)

// Outcome is what Quick, Begin, Finish and Resume return: one of Reply, Receive, Park and Close. Reserved for
// sending to people: Pair (the body flows to another connection of this loop) and Move (descriptor and unfinished
// request go to another worker).
type Outcome interface{ outcome() }

// Reply ends the request. Exactly one of Header and Err is used; a nil Header means {}.
type Reply struct {
	Header []byte       // encoded JSON, at most proto.MaxReplyHeader
	Err    *proto.Error // answered with the error flag; then there are no parts
	Parts  []Part       // the body, in order
	Close  bool         // say goodbye after this reply
	Cause  error        // what is behind an Internal error: for the log, never for the peer
}

// Part is a piece of a reply's body: bytes, or a range of a source, which is spliced.
type Part struct {
	Bytes  []byte
	Source Source // nil: Bytes
	Offset int64
	Length int64
}

// Source is a counted open file. The connection calls Release exactly once for every part it was given, after the
// part's last byte or at the connection's end.
type Source interface {
	FD() int
	Release()
}

// Receive asks for the request's body. Then Finish is called, or Abort if it does not arrive whole.
type Receive struct {
	// Into says where the body goes, piece after piece; lengths sum to the body's length. nil: into memory, as
	// Call.Body (only bodies of at most MemoryBody).
	Into []Piece
	// Discard reads the body to nothing, then Finish is called with no body.
	Discard bool
	// Behind lets the connection read its next request while Finish runs.
	Behind bool
}

// MemoryBody is the greatest body received into memory. The border of zero copy for uploads lies between 16 and
// 64 KiB on the machines measured (TRUTHS: plain calls win up to 16 KiB, splice from 64 KiB).
const MemoryBody = 64 << 10

// Piece is a range of a file that takes a part of a body. The handler owns the descriptor and keeps it open until
// Finish or Abort has returned.
type Piece struct {
	FD     int
	Offset int64
	Length int64
}

// Park keeps the request waiting, with no job out, until a commit moves the change counter past Seen, Until is
// reached or the worker drains; then Resume is called.
type Park struct {
	Seen  uint64 // the change counter, read before the query that found nothing
	Until time.Time
	Deaf  bool // only Until ends it: what is known already is not to be told earlier
}

// Close ends the connection without a reply.
type Close struct{ Code proto.Code }

func (Reply) outcome()   {}
func (Receive) outcome() {}
func (Park) outcome()    {}
func (Close) outcome()   {}

// Reason says why a parked request is resumed.
type Reason uint8

const (
	News  Reason = iota // the change counter moved
	Limit               // Until was reached
	Drain               // the worker is leaving: answer "no news"
)

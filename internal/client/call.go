package client

import (
	"os"
	"time"

	"sluice/internal/proto"
)

// call is one request and what becomes of its reply. It may be tried several times, on one connection after the other,
// always with the same header: the key in it makes a repetition safe.
type call struct {
	row     *proto.Row
	request proto.Header
	frame   []byte // room for the prelude, then the header
	body    body
	sink    sink
	waits   time.Duration // the server may answer so much later (wait_ms)
	hasty   bool          // busy is for the caller, who has other things to do first
	lazy    bool          // the reply's header is for the caller to read
}

// body is what follows the header: parts in memory, or a range of a file, or several. The caller must leave both alone until
// the call is over.
type body struct {
	parts  [][]byte
	file   *os.File
	offset int64
	spans  []span // instead of the range that begins at offset
	length int64  // of parts or ranges
}

// sink takes the reply's body, whose length fits the request by then. Check (may be nil) sees the reply's header first.
type sink struct {
	check  func(proto.Header) error
	buf    []byte   // into memory: here, if it has the room, else into new memory
	file   *os.File // else into this file from offset on
	offset int64
	drop   bool // else to nothing
}

// reply is what came back; it belongs to the caller.
type reply struct {
	header proto.Header
	raw    []byte // the header before it is parsed
	body   []byte
	length int64 // of the body, wherever it went
}

func newCall(kind proto.Type, request proto.Header) *call {
	frame := make([]byte, proto.PreludeLen, 256)
	return &call{row: proto.Lookup(kind), request: request, frame: request.Append(frame)}
}

// seal writes the prelude of one try into the frame.
func (q *call) seal(number uint32) proto.Prelude {
	p := proto.Prelude{
		Version:   proto.Version,
		Type:      q.row.Type,
		Number:    number,
		HeaderLen: uint32(len(q.frame) - proto.PreludeLen),
		BodyLen:   uint64(q.body.length),
	}
	p.Append(q.frame[:0])
	return p
}

// read makes a reply's header a value and holds it, and the body's length, against the request.
func (q *call) read(r *reply) error {
	header, err := q.row.ParseReply(r.raw)
	if err != nil {
		return broken("%s reply: %v", q.row.Name, err)
	}
	if err := q.row.Answers(q.request, header, uint64(r.length)); err != nil {
		return broken("%s reply: %v", q.row.Name, err)
	}
	r.header, r.raw = header, nil
	if q.sink.check != nil {
		return q.sink.check(header)
	}
	return nil
}

// try is one attempt of a call on one connection.
type try struct {
	*call
	prelude proto.Prelude
	answer  func(proto.Header) error // of the connection's own hello: runs in the reading goroutine

	sent  bool  // guarded by conn.mu: the whole request is out
	early bool  // guarded by conn.mu: an error came before that
	own   error // guarded by conn.mu: this call's own end, if the connection fails

	reply reply
	err   error
	done  chan struct{} // closed when reply and err are set and nobody uses the sink any more
}

func (t *try) finish(r reply, err error) {
	t.reply, t.err = r, err
	close(t.done)
}

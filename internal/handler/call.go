package handler

import (
	"context"

	"sluice/internal/proto"
	"sluice/internal/store"
)

// Peer is what a connection remembers of whom it serves. Its fields are changed only by a Begin or Finish that is not
// behind, so never while another job of the connection runs.
type Peer struct {
	Address string    // for logs and limits, never shown to others
	Who     store.Who // zero before log-in
	checked int64     // when Who was last confirmed, ns
}

// Call is one request on its way through Begin, Finish and Resume.
type Call struct {
	Context context.Context // ends with the deadline or the connection
	Peer    *Peer
	Type    proto.Type
	Header  proto.Header // as Row.Parse gave it
	Raw     []byte       // the header's bytes: their hash goes with the key of a repeated request
	BodyLen int64
	Body    []byte // a body received into memory, valid in Finish only
	State   any    // left by Begin for Finish, Abort and Resume
}

// Row is what one request type means. Rows stand in Service.Table.
type Row struct {
	Type proto.Type
	// Quick answers on the loop from memory, without blocking, or says false; nil: never quick.
	Quick func(*Service, *Call) (Outcome, bool)
	// Begin runs off the loop: look up, allow or refuse, open.
	Begin func(*Service, *Call) Outcome
	// Finish runs off the loop when a body asked for by Receive is in.
	Finish func(*Service, *Call) Outcome
	// Abort runs off the loop instead of Finish when the body does not arrive: gives back what Begin took.
	Abort func(*Service, *Call)
	// Resume runs off the loop after Park.
	Resume func(*Service, *Call, Reason) Outcome
}

package conn

import (
	"errors"

	"sluice/internal/poll"
)

// state is where a connection stands.
type state uint8

const (
	decide      state = iota // the first byte says what is spoken
	readPrelude              // idle, or in the fixed part of a request
	readHeader
	begin     // job: look up, allow, open
	recvBody  // into memory or pieces
	flush     // job: the body's file is slow, so the loop does not write it
	discard   // the body is read to nothing
	finish    // job: verify, sync, commit
	abort     // job: the body does not arrive; give back what begin took
	waitTurn  // a request is behind; this one may not overtake it
	park      // nothing to tell yet; until news, limit or drain
	resume    // job: look again
	sendReply // prelude, header and the first bytes
	readAhead // job: bring the next part of a source into memory
	sendBody
	linger // say no more, read what still comes, so that the peer gets the last reply
	closed
)

// limit is what bounds the wait in a state.
type limit uint8

const (
	unlimited   limit = iota // our own work is waited for: the request's deadline rules the job
	idleLimit                // no request
	headerLimit              // from a prelude's first byte to a header's last
	rateLimit                // bytes must move
	parkLimit                // as the handler said
	lingerLimit
)

// table is the picture of a connection, one row a state. closed may follow every state, and so may linger, when the reply
// of a request that was behind says goodbye.
var table = [...]struct {
	name  string
	want  poll.Interest // while waiting here
	limit limit
	to    []state
	step  func(*Conn) (state, error)
}{
	decide:      {"decide", poll.Read, idleLimit, []state{readPrelude}, (*Conn).stepDecide},
	readPrelude: {"read-prelude", poll.Read, idleLimit, []state{readHeader, sendReply, waitTurn}, (*Conn).stepPrelude},
	readHeader:  {"read-header", poll.Read, headerLimit, []state{begin, discard, sendReply, waitTurn}, (*Conn).stepHeader},
	begin:       {"begin", poll.None, unlimited, []state{recvBody, discard, finish, park, sendReply, waitTurn}, (*Conn).stepBegin},
	recvBody:    {"recv-body", poll.Read, rateLimit, []state{flush, finish, abort}, (*Conn).stepRecvBody},
	flush:       {"flush", poll.None, unlimited, []state{recvBody, finish, abort}, (*Conn).stepFlush},
	discard:     {"discard", poll.Read, rateLimit, []state{finish, abort, sendReply, waitTurn}, (*Conn).stepDiscard},
	finish:      {"finish", poll.None, unlimited, []state{readPrelude, park, sendReply, waitTurn}, (*Conn).stepFinish},
	abort:       {"abort", poll.None, unlimited, []state{discard, sendReply, waitTurn}, (*Conn).stepAbort},
	waitTurn:    {"wait-turn", poll.None, unlimited, []state{begin, finish, sendReply}, (*Conn).stepWaitTurn},
	park:        {"park", poll.HangUp, parkLimit, []state{resume}, (*Conn).stepPark},
	resume:      {"resume", poll.None, unlimited, []state{park, sendReply}, (*Conn).stepResume},
	sendReply:   {"send-reply", poll.Write, rateLimit, []state{readPrelude, sendBody, linger}, (*Conn).stepReply},
	readAhead:   {"read-ahead", poll.None, unlimited, []state{sendBody}, (*Conn).stepReadAhead},
	sendBody:    {"send-body", poll.Write, rateLimit, []state{readPrelude, readAhead, linger}, (*Conn).stepSendBody},
	linger:      {"linger", poll.Read, lingerLimit, nil, (*Conn).stepLinger},
	closed:      {"closed", poll.None, unlimited, nil, nil},
}

// String is the state's name, for the log. Steps must not call it: the table refers to them.
func (s state) String() string { return table[s].name }

// errWait is what a step returns that can do no more now.
var errWait = errors.New("wait")

// advance takes steps until one must wait. It alone changes the state and the interest.
func (c *Conn) advance() {
	for c.state != closed {
		row := &table[c.state]
		next, err := c.step(row.step)
		if err == errWait {
			want := row.want
			if want == poll.Read && len(c.late) > 0 {
				want |= poll.Write
			}
			if err = c.set.loop.Want(c.token, want); err == nil {
				c.arm(row.limit)
				return
			}
			err = ours(err)
		}
		if err != nil {
			next = c.failed(err)
		}
		if c.set.trace != nil {
			c.set.trace(c.state, next)
		}
		c.state = next
	}
	c.release()
}

// step looks first at what came from elsewhere: a limit that passed, and the reply of a request that was behind.
func (c *Conn) step(f func(*Conn) (state, error)) (state, error) {
	if err := c.fault; err != nil {
		c.fault = nil
		return closed, err
	}
	if len(c.late) > 0 {
		if err := c.sendLate(); err != nil && err != errWait {
			return closed, err
		}
	}
	return f(c)
}

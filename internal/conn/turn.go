package conn

import (
	"fmt"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

// turn leads to next, by way of waitTurn if a request is behind that the front may not overtake: replies go out in the
// order of requests, and only another chunk of the same upload may begin, and be received, meanwhile.
func (c *Conn) turn(next state) (state, error) {
	if c.behind == nil || next == begin && sameUpload(&c.behind.call, &c.front.call) {
		return next, nil
	}
	c.then = next
	return waitTurn, nil
}

// sameUpload tells whether both calls are chunks of one upload. Their headers do not change after the parse, so the one
// that is behind may be looked at while its job runs.
func sameUpload(a, b *handler.Call) bool {
	first := uploadOf(a)
	return first != 0 && first == uploadOf(b)
}

// uploadOf is the upload that a chunk is brought to, however; 0: the call brings none.
func uploadOf(c *handler.Call) int64 {
	switch h := c.Header.(type) {
	case *proto.UploadChunk:
		return h.Upload
	case *proto.UploadAssemble:
		return h.Upload
	}
	return 0
}

// stepWaitTurn waits for the request that is behind.
func (c *Conn) stepWaitTurn() (state, error) {
	if c.behind != nil {
		return 0, errWait
	}
	return c.then, nil
}

// settle takes the reply of the request that was behind. It goes out before anything the front will say.
func (c *Conn) settle(r *request) {
	c.behind = nil
	reply, ok := r.result.(handler.Reply)
	if !ok || len(reply.Parts) > 0 {
		if ok {
			releaseParts(reply.Parts)
		}
		c.fault = ours(fmt.Errorf("BUG: type %d ended behind with %T", r.prelude.Type, r.result))
		return
	}
	r.back, r.result = false, nil
	r.reply = reply
	before := len(c.late)
	c.late = c.appendHead(c.late, r, c.front == nil && c.have == 0)
	r.passed = int64(len(c.late) - before)
	goodbye := r.reply.Close
	c.answered(r)
	if goodbye {
		c.fault = errGoodbye
	}
}

// sendLate sends what settle left, or as much as the socket takes.
func (c *Conn) sendLate() error {
	n, err := c.send(c.late, 0)
	if n == len(c.late) {
		c.late = nil
		return nil
	}
	c.late = c.late[n:]
	return err
}

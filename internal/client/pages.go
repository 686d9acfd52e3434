package client

import (
	"bytes"
	"context"
	"strconv"

	"sluice/internal/proto"
)

// pages reads the pages of a list one after another. A page of thousands of names takes some time to parse, and the next
// one to make: both are done at once, by asking for the next page as soon as the last name of this one has been spotted.
type pages struct {
	remote  *Remote
	request ListRequest // for the next page
	coming  *pageAhead
}

// pageAhead is a page that has been asked for.
type pageAhead struct {
	after  int64
	call   *call
	reply  reply
	err    error
	done   chan struct{}
	cancel context.CancelFunc
}

func (p *pages) ask(ctx context.Context, after int64) *pageAhead {
	request := p.request
	request.After = after
	a := &pageAhead{after: after, call: newCall(proto.TypeList, &request), done: make(chan struct{})}
	a.call.lazy = true
	ctx, a.cancel = context.WithCancel(ctx)
	go func() {
		defer close(a.done)
		a.reply, a.err = p.remote.do(ctx, a.call)
	}()
	return a
}

// next is the page after p.request.After.
func (p *pages) next(ctx context.Context) (*ListReply, error) {
	if p.coming != nil && p.coming.after != p.request.After {
		p.close() // what was spotted was not the last name
	}
	if p.coming == nil {
		p.coming = p.ask(ctx, p.request.After)
	}
	this := p.coming
	p.coming = nil
	<-this.done
	this.cancel()
	if this.err != nil {
		return nil, this.err
	}
	if after := lastNode(this.reply.raw); after > 0 {
		p.coming = p.ask(ctx, after)
	}
	if err := this.call.read(&this.reply); err != nil {
		return nil, err
	}
	return this.reply.header.(*proto.ListReply), nil
}

// close ends what was asked for in vain.
func (p *pages) close() {
	if p.coming != nil {
		p.coming.cancel()
		<-p.coming.done
		p.coming = nil
	}
}

// lastNode spots the node of a page's last entry, in JSON that has not been checked; 0: no page follows. Neither pattern
// can be part of a JSON string, where a quote has a backslash before it. A wrong guess only costs a request.
func lastNode(raw []byte) int64 {
	if !bytes.Contains(raw, []byte(`"more":true`)) {
		return 0
	}
	const key = `"node":`
	at := bytes.LastIndex(raw, []byte(key))
	if at < 0 {
		return 0
	}
	digits := raw[at+len(key):]
	n := 0
	for n < len(digits) && n < 19 && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	node, err := strconv.ParseInt(string(digits[:n]), 10, 64)
	if err != nil {
		return 0
	}
	return node
}

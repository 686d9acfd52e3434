package mirror

import (
	"slices"

	"sluice/internal/client"
	"sluice/internal/reconcile"
)

// flight is a commit on its way, while the next one is gathered and contents are sent. The trees know nothing of it until it has
// landed: it is as if it were still being gathered.
type flight struct {
	pending
	request *client.CommitRequest
	wait    func() // for the end of what follows
	reply   *client.CommitReply
	err     error
}

// maxFlying is how many commits may be on their way: of those that do nothing but give new names to contents, none of which
// can be in another one's way. Any other is on its way alone.
const maxFlying = 3

// flights are the commits on their way, in the order they were sent off.
type flights []*flight

// makes says whether one of them is to make a local folder.
func (list flights) makes(folder *reconcile.Entry) bool {
	return slices.ContainsFunc(list, func(f *flight) bool { return f.pending.makes(folder) })
}

// changes says whether one of them changes a node.
func (list flights) changes(node int64) bool {
	return slices.ContainsFunc(list, func(f *flight) bool { return f.busy[node] })
}

// stay says how many of them may be on their way still when p is sent off.
func (list flights) stay(p *pending) int {
	if p.names() && !slices.ContainsFunc(list, func(f *flight) bool { return !f.names() }) {
		return maxFlying - 1
	}
	return 0
}

// beside starts do in a goroutine of its own.
func beside(do func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	return func() { <-done }
}

// launch sends what is gathered off, after those that cannot be beside it were answered. What it sends is recorded before, so that
// it is known for our own should the reply be lost; what the others have done is recorded while it is on its way.
func (r *round) launch() error {
	landed, err := r.answer(r.flying.stay(&r.up))
	if err != nil || len(r.up.changes) == 0 {
		return r.conclude(landed, err)
	}
	c := &client.CommitRequest{Changes: r.up.changes}
	f := &flight{pending: r.up, request: c}
	r.up.init(r.m.Options.Batch)
	r.commits++
	f.wait = r.m.Beside(func() {
		f.reply, f.err = r.m.commit(r.ctx, c, f.sent)
	})
	r.flying = append(r.flying, f)
	return r.conclude(landed, nil)
}

// land waits for the commits on their way, and records what they have done.
func (r *round) land() error { return r.conclude(r.answer(0)) }

// flush commits what is gathered, and waits until that is done and recorded.
func (r *round) flush() error {
	if err := r.launch(); err != nil {
		return err
	}
	return r.land()
}

// answer waits for the commits on their way, the first one first, until only some are left, and takes what they have done into
// the trees. With an error, of which the first is given, none is left, and those that landed are to be recorded too.
func (r *round) answer(left int) (landed []*flight, err error) {
	for len(r.flying) > left {
		f := r.flying[0]
		f.wait()
		r.flying = r.flying[1:]
		taken, e := r.take(f)
		if taken {
			landed = append(landed, f)
		}
		if e != nil && err == nil {
			err, left = e, 0
		}
	}
	return landed, err
}

// take takes what a commit has done into the trees. With an error it may have been taken for a part, which is to be recorded.
func (r *round) take(f *flight) (taken bool, err error) {
	if f.err != nil {
		return false, f.err
	}
	if err := r.meet(f.pending, f.reply); err != nil {
		return false, err
	}
	for i, fate := range f.reply.Entries {
		if e := f.then[i](fate); e != nil && err == nil {
			err = e
		}
	}
	r.batch.Answered = append(r.batch.Answered, f.sent...)
	r.batch.Landed = append(r.batch.Landed, f.request.Key)
	return true, err
}

// conclude records what commits have done. err is passed on.
func (r *round) conclude(landed []*flight, err error) error {
	if len(landed) == 0 {
		return err
	}
	if e := r.record(); e != nil {
		return e
	}
	for _, f := range landed {
		r.m.own.answered(f.changes, f.reply)
	}
	return err
}

package mirror

import (
	"sluice/internal/client"
	"sluice/internal/reconcile"
)

// flight is a commit on its way, while the next one is gathered and contents are sent. There is one at a time, and the trees
// know nothing of it until it has landed: it is as if it were still being gathered.
type flight struct {
	pending
	request *client.CommitRequest
	wait    func() // for the end of what follows
	reply   *client.CommitReply
	err     error
}

// makes says whether the commit is to make a local folder. A nil flight makes none.
func (f *flight) makes(folder *reconcile.Entry) bool {
	if f == nil {
		return false
	}
	_, ok := f.made[folder]
	return ok
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

// launch sends what is gathered off, after the one before it was answered. What it sends is recorded before, so that it is known
// for our own should the reply be lost; what the one before it has done is recorded while it is on its way.
func (r *round) launch() error {
	landed, err := r.answer()
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
	r.flying = f
	return r.conclude(landed, nil)
}

// land waits for the commit on its way, and records what it has done.
func (r *round) land() error { return r.conclude(r.answer()) }

// flush commits what is gathered, and waits until that is done and recorded.
func (r *round) flush() error {
	if err := r.launch(); err != nil {
		return err
	}
	return r.land()
}

// answer waits for the commit on its way, if there is one, and takes what it has done into the trees. With an error it may have
// done a part, which is to be recorded too; nil: nothing.
func (r *round) answer() (*flight, error) {
	f := r.flying
	if f == nil {
		return nil, nil
	}
	f.wait()
	r.flying = nil
	if f.err != nil {
		return nil, f.err
	}
	if err := r.meet(f.pending, f.reply); err != nil {
		return nil, err
	}
	var fatal error
	for i, fate := range f.reply.Entries {
		if err := f.then[i](fate); err != nil && fatal == nil {
			fatal = err
		}
	}
	r.batch.Answered = append(r.batch.Answered, f.sent...)
	r.batch.Landed = append(r.batch.Landed, f.request.Key)
	return f, fatal
}

// conclude records what a commit has done. err is passed on.
func (r *round) conclude(f *flight, err error) error {
	if f == nil {
		return err
	}
	if e := r.record(); e != nil {
		return e
	}
	r.m.own.answered(f.changes, f.reply)
	return err
}

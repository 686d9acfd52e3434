package parent

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A reload, from the new configuration to the last worker that has it:
//
//	read it, bind what is new in it      a mistake: refused, nothing has changed
//	start one worker with it             ends before it is ready: refused, nothing has changed
//	it holds: listeners change hands
//	one worker after the other is replaced: the new one is ready, then the old one drains
//
// An old worker takes no more connections and ends when its last request is done, within
// Config.RetireLimit. Its clients come back on new connections.

// change is a reload under way.
type change struct {
	config  Config
	listen  *listeners // nil: still being read
	holds   bool
	waiting []chan result // who asked for it
}

// result is the answer to who asked.
type result struct {
	text string
	err  error
}

const resolveLimit = 10 * time.Second // of names to listen on

// reload begins a reload, or notes that one is wanted when that is over which runs now.
// done may be nil; else it has room for the result.
func (s *server) reload(done chan result) {
	switch {
	case s.config.Reload == nil:
		s.tell([]chan result{done}, result{err: fmt.Errorf("%w: this server cannot be reloaded", ErrConfig)})
	case s.phase == starting || s.phase == reloading:
		s.pending = append(s.pending, done)
	case s.phase != serving:
		s.tell([]chan result{done}, result{err: fmt.Errorf("%w: the server is %s", ErrBusy, s.phase)})
	default:
		s.beginReload([]chan result{done})
	}
}

func (s *server) beginReload(waiting []chan result) {
	c := &change{waiting: waiting}
	s.change = c
	s.enter(reloading)
	s.sayReloading()
	s.log.Info("reloading: reading the configuration again")
	config, have := s.config, slices.Clone(s.listeners)
	go func() {
		next, listen, err := readAgain(config, have)
		s.wake.post(func() { s.wasRead(c, next, listen, err) })
	}()
}

// readAgain reads the configuration and binds what is new in it.
func readAgain(config Config, have []*listener) (next Config, l *listeners, err error) {
	read, err := config.Reload()
	if err != nil {
		return next, nil, err
	}
	next = config.with(read)
	if err := next.complete(); err != nil {
		return next, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveLimit)
	defer cancel()
	l, err = bind(ctx, &next, have)
	return next, l, err
}

// with is c with all that a reload can change taken from n.
func (c Config) with(n Config) Config {
	c.Listen, c.Metrics, c.Workers, c.Congestion, c.PlainAllowed = n.Listen, n.Metrics, n.Workers, n.Congestion, n.PlainAllowed
	c.MaxConnections, c.MaxUnknownPerAddress = n.MaxConnections, n.MaxUnknownPerAddress
	c.DrainLimit, c.RetireLimit = n.DrainLimit, n.RetireLimit
	c.Command, c.Adopted = n.Command, n.Adopted
	return c
}

// wasRead goes on with a configuration that was read, if nothing came between: the first
// worker is started with it.
func (s *server) wasRead(c *change, next Config, listen *listeners, err error) {
	switch {
	case s.change != c: // the server was told to stop
		if err == nil {
			closeAll(listen.made)
		}
		return
	case err != nil:
		s.refuseChange(err)
		return
	}
	c.config, c.listen = next, listen
	w := s.place()
	if w == nil {
		s.refuseChange(fmt.Errorf("%w: workers that were replaced before have all places and are not done yet", ErrBusy))
		return
	}
	w.command, w.generation = next.Command, s.generation+1
	s.startWorker(w)
}

// advance goes on with a reload as far as it can now, and with the end of a server that
// has been replaced.
func (s *server) advance() {
	if s.phase == replaced {
		s.retireAll()
		return
	}
	if s.change == nil || s.change.listen == nil {
		return
	}
	if !s.change.holds {
		if !slices.ContainsFunc(s.workers, func(w *worker) bool { return w.generation > s.generation && w.ready }) {
			return
		}
		s.adopt()
	}
	for s.change != nil && s.replaceOne() {
	}
}

// adopt makes the new configuration hold: there is no way back from here.
func (s *server) adopt() {
	c := s.change
	c.holds = true
	s.generation++
	for _, l := range s.listeners {
		if !slices.Contains(c.listen.all, l) {
			s.log.WithField("listener", l.String()).Info("no longer listening here")
			closeAll([]*listener{l})
		} else if c.config.Congestion != s.config.Congestion && l.tag == tagMain {
			if err := recongest(l, c.config.Congestion); err != nil {
				s.log.WithError(err).WithField("listener", l.String()).Warn("the congestion control stays as it was")
			}
		}
	}
	for _, l := range c.listen.made {
		s.log.WithField("listener", l.String()).Info("listening here too")
	}
	s.config, s.listeners = c.config, c.listen.all
	s.warnOpen(c.listen.open)
	if s.config.Adopted != nil {
		s.config.Adopted()
	}
}

// replaceOne takes the next step towards workers that all have the configuration that
// holds; false: something must be waited for, or it is done.
func (s *server) replaceOne() bool {
	var old, ready, coming []*worker
	for _, w := range s.workers {
		switch {
		case w.retiring:
		case w.generation < s.generation:
			old = append(old, w)
		case w.ready && w.process != nil:
			ready = append(ready, w)
		default:
			coming = append(coming, w)
		}
	}
	want := s.config.Workers
	switch {
	case len(old) > 0 && len(old)+len(ready) > want:
		s.retire(old[0], s.config.RetireLimit)
	case len(coming) > 0:
		s.admitTrouble(coming)
		return false
	case len(ready) < want:
		w := s.place()
		if w == nil {
			return false // one that has been replaced must end first
		}
		s.startWorker(w)
	case len(ready) > want:
		s.retire(ready[0], s.config.RetireLimit)
	default:
		s.endChange()
		return false
	}
	return true
}

// admitTrouble answers who asked when workers do not come up; they are tried on.
func (s *server) admitTrouble(coming []*worker) {
	for _, w := range coming {
		if w.failures >= backoffFrom {
			s.tell(s.change.waiting, result{err: fmt.Errorf("the new configuration holds, but worker %d has ended %d times before it was ready (the log says why); it is tried again, and old workers go on meanwhile",
				w.slot, w.failures)})
			s.change.waiting = nil
		}
	}
}

func (s *server) endChange() {
	waiting := s.change.waiting
	s.change = nil
	s.enter(serving)
	s.log.WithField("workers", s.config.Workers).Info("reloaded: all workers have the new configuration")
	s.sayReady("")
	s.tell(waiting, result{text: fmt.Sprintf("reloaded: %d workers have the new configuration", s.config.Workers)})
	s.goOn()
}

// refuseChange ends a reload before it holds: all is as it was.
func (s *server) refuseChange(err error) {
	c := s.change
	if c == nil {
		return
	}
	s.dropChange()
	s.enter(serving)
	s.log.WithError(err).Error("the new configuration is refused; the one before goes on")
	s.sayReady("")
	s.tell(c.waiting, result{err: err})
	s.goOn()
}

// dropChange gives back what a reload that does not hold has taken.
func (s *server) dropChange() {
	c := s.change
	s.change = nil
	if c == nil || c.holds || c.listen == nil {
		return
	}
	closeAll(c.listen.made)
	for _, w := range s.workers {
		if w.generation <= s.generation {
			continue
		}
		w.retiring = true
		if w.process != nil {
			s.killWorker(w)
		}
	}
}

// goOn begins the reload that was asked for meanwhile.
func (s *server) goOn() {
	if len(s.pending) == 0 || s.phase != serving {
		return
	}
	waiting := s.pending
	s.pending = nil
	s.beginReload(waiting)
}

// refuseAll answers everybody who waits for a reload or an upgrade.
func (s *server) refuseAll(err error) {
	s.tell(s.pending, result{err: err})
	s.pending = nil
	if s.change != nil {
		s.tell(s.change.waiting, result{err: err})
		s.dropChange()
	}
	s.abandonUpgrade(err)
}

// tell answers who waits; status shows by then what they are told. Each has room for one
// result; nil waits for none.
func (s *server) tell(waiting []chan result, r result) {
	s.draw()
	for _, done := range waiting {
		if done != nil {
			done <- r
		}
	}
}

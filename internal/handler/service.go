package handler

import (
	"time"

	"sluice/internal/proto"
	"sluice/internal/store"
)

// Options are what handlers need to know of the server beside the store.
type Options struct {
	Agent   string        // program and version, told in hello
	Changes func() uint64 // the change counter; read before a query that may park
}

// Service answers requests from one store. It is safe for many jobs at once.
type Service struct {
	store *store.Store
	opt   Options
	rows  map[proto.Type]*Row
}

// New makes the service of a worker.
func New(st *store.Store, opt Options) *Service {
	s := &Service{store: st, opt: opt, rows: make(map[proto.Type]*Row)}
	table := Table()
	for i := range table {
		s.rows[table[i].Type] = &table[i]
	}
	return s
}

// Row finds what a type means; nil: nothing.
func (s *Service) Row(t proto.Type) *Row { return s.rows[t] }

// NewPeer makes the memory of a new connection.
func NewPeer(address string) *Peer { return &Peer{Address: address} }

// Known tells whether the peer has logged in.
func (p *Peer) Known() bool { return p.Who.Account != 0 }

// rightsKept is how long a connection's rights are believed without asking the database: a revoked device is shut out
// within this time on every worker.
const rightsKept = time.Second

// fresh tells, from memory, whether the peer's rights were confirmed lately.
func (p *Peer) fresh() bool {
	return p.Known() && time.Now().UnixNano()-p.checked < int64(rightsKept)
}

// admit confirms that the peer's device still stands. Every request type that needs a log-in begins with it.
func (s *Service) admit(p *Peer) error {
	if p.fresh() {
		return nil
	}
	if err := s.store.DeviceGood(p.Who); err != nil {
		return err
	}
	p.checked = time.Now().UnixNano()
	return nil
}

// admitted wraps a Begin that needs a log-in.
func admitted(begin func(*Service, *Call) Outcome) func(*Service, *Call) Outcome {
	return func(s *Service, c *Call) Outcome {
		if err := s.admit(c.Peer); err != nil {
			return fail(err)
		}
		return begin(s, c)
	}
}

// once marks a changing request by its key and header.
func (c *Call) once(key proto.Key) store.Once { return store.NewOnce(key, uint16(c.Type), c.Raw) }

// reply answers with a header.
func reply(h proto.Header) Outcome { return Reply{Header: h.Append(nil)} }

// replyRaw answers with an encoded header, or fails.
func replyRaw(raw []byte, err error) Outcome {
	if err != nil {
		return fail(err)
	}
	return Reply{Header: raw}
}

package torture

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// nextPort makes tests that run side by side look for ports in different places.
var nextPort atomic.Int32

// wire is a connection that says exactly what a test wants to say.
type wire struct {
	*net.TCPConn
	number uint32
}

// wireReply is one reply as it came.
type wireReply struct {
	proto.Prelude
	header, body []byte
}

func (s *server) tryDial() (*wire, error) {
	c, err := net.DialTimeout("tcp", s.address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &wire{TCPConn: c.(*net.TCPConn)}, nil
}

// dial opens a connection that knows the token.
func (s *server) dial() *wire {
	s.Helper()
	w, err := s.tryDial()
	s.must(err)
	s.hello(w)
	return w
}

// hello says who one is.
func (s *server) hello(w *wire) {
	s.Helper()
	code, err := w.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Token: s.login(), Agent: "torture"}, nil)
	s.must(err)
	if code != proto.OK {
		s.Fatalf("hello: %v", code)
	}
}

// frame encodes a request.
func (w *wire) frame(t proto.Type, header, body []byte) []byte {
	w.number++
	p := proto.Prelude{Version: proto.Version, Type: t, Number: w.number, HeaderLen: uint32(len(header)), BodyLen: uint64(len(body))}
	return append(append(p.Append(nil), header...), body...)
}

// read reads one reply; io.EOF: the server closed instead.
func (w *wire) read() (*wireReply, error) {
	raw := make([]byte, proto.PreludeLen)
	if _, err := io.ReadFull(w, raw); err != nil {
		return nil, err
	}
	p, err := proto.ParsePrelude(raw)
	if err != nil {
		return nil, err
	}
	r := &wireReply{Prelude: p, header: make([]byte, p.HeaderLen), body: make([]byte, p.BodyLen)}
	if _, err := io.ReadFull(w, r.header); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(w, r.body)
	return r, err
}

// code is a reply's code.
func (r *wireReply) code() (proto.Code, error) {
	if r.Flags&proto.FlagError == 0 {
		return proto.OK, nil
	}
	e, err := proto.ParseError(r.header)
	if err != nil {
		return 0, err
	}
	return e.Code, nil
}

// ask sends a request and reads the code of its reply.
func (w *wire) ask(t proto.Type, h proto.Header, body []byte) (proto.Code, error) {
	if _, err := w.Write(w.frame(t, h.Append(nil), body)); err != nil {
		return 0, err
	}
	r, err := w.read()
	if err != nil {
		return 0, err
	}
	return r.code()
}

// call sends a request, and an error is what the server says.
func (w *wire) call(t proto.Type, h proto.Header, body []byte) (*wireReply, error) {
	if _, err := w.Write(w.frame(t, h.Append(nil), body)); err != nil {
		return nil, err
	}
	reply, err := w.read()
	if err != nil {
		return nil, err
	}
	if code, err := reply.code(); err != nil || code != proto.OK {
		return nil, errors.Join(err, client.NewError(t.String(), code, string(reply.header)))
	}
	return reply, nil
}

func (w *wire) tryPing() error {
	_, err := w.ask(proto.TypePing, &proto.Ping{}, nil)
	return err
}

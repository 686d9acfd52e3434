package e2e

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"sluice/internal/proto"
)

// wire is a connection that says exactly what a test wants to say.
type wire struct {
	t      *testing.T
	conn   net.Conn
	number uint32
}

// wireLimit is ten times what any reply here should take.
const wireLimit = 20 * time.Second

// dial opens a connection to the server.
func (s *server) dial() *wire {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(wireLimit))
	return &wire{t: s.t, conn: conn}
}

func (w *wire) close() { w.conn.Close() }

// frame encodes a request.
func (w *wire) frame(t proto.Type, header, body []byte) []byte {
	w.number++
	p := proto.Prelude{Version: proto.Version, Type: t, Number: w.number, HeaderLen: uint32(len(header)), BodyLen: uint64(len(body))}
	return append(append(p.Append(nil), header...), body...)
}

// send writes bytes; an error is the test's to see in the reply.
func (w *wire) send(b []byte) error {
	_, err := w.conn.Write(b)
	return err
}

// reply is one reply as it came.
type wireReply struct {
	proto.Prelude
	header, body []byte
}

// read reads one reply. io.EOF: the server closed instead.
func (w *wire) read() (*wireReply, error) {
	raw := make([]byte, proto.PreludeLen)
	if _, err := io.ReadFull(w.conn, raw); err != nil {
		return nil, err
	}
	p, err := proto.ParsePrelude(raw)
	if err != nil {
		return nil, err
	}
	r := &wireReply{Prelude: p, header: make([]byte, p.HeaderLen), body: make([]byte, p.BodyLen)}
	if _, err := io.ReadFull(w.conn, r.header); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(w.conn, r.body)
	return r, err
}

// ask sends a request and reads its reply.
func (w *wire) ask(t proto.Type, h proto.Header, body []byte) *wireReply {
	w.t.Helper()
	if err := w.send(w.frame(t, h.Append(nil), body)); err != nil {
		w.t.Fatal(err)
	}
	r, err := w.read()
	if err != nil {
		w.t.Fatalf("reply to type %d: %v", t, err)
	}
	return r
}

// code tells a reply's error code; proto.OK if it is none.
func (r *wireReply) code(t *testing.T) proto.Code {
	t.Helper()
	if r.Flags&proto.FlagError == 0 {
		return proto.OK
	}
	e, err := proto.ParseError(r.header)
	if err != nil {
		t.Fatalf("error reply %q: %v", r.header, err)
	}
	return e.Code
}

// ping asks for a sign of life.
func (w *wire) ping() {
	w.t.Helper()
	if err := w.send(w.frame(proto.TypePing, nil, nil)); err != nil {
		w.t.Fatalf("the server no longer takes a ping: %v", err)
	}
	if _, err := w.read(); err != nil {
		w.t.Fatalf("the server no longer answers a ping: %v", err)
	}
}

// login logs in as user and says hello.
func (s *server) login(user string) *wire {
	s.t.Helper()
	w := s.dial()
	w.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Agent: "e2e"}, nil)
	r := w.ask(proto.TypeLogin, &proto.Login{User: user, Password: password, Device: "wire"}, nil)
	if c := r.code(s.t); c != proto.OK {
		s.t.Fatalf("login: %v", c)
	}
	return w
}

// ended waits for the server to close and tells whether it did so without another byte.
func (w *wire) ended() bool {
	w.conn.SetReadDeadline(time.Now().Add(wireLimit))
	n, err := w.conn.Read(make([]byte, 1))
	var timeout net.Error
	return n == 0 && err != nil && !(errors.As(err, &timeout) && timeout.Timeout())
}

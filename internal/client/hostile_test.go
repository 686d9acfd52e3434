package client

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"sluice/internal/proto"
)

// What no good server sends ends in an error that says so, at once, and is not tried again.
func TestHostileReplies(t *testing.T) {
	content := bytes.Repeat([]byte("c"), 100)
	bytesOf := func(edit func(frame []byte)) func(*request) []byte {
		return func(q *request) []byte {
			b := q.frame(0, []byte(`{"size":100}`), content)
			edit(b)
			return b
		}
	}
	header := func(text string, body []byte) func(*request) []byte {
		return func(q *request) []byte { return q.frame(0, []byte(text), body) }
	}
	for _, row := range []struct {
		name string
		make func(*request) []byte
		want error
	}{
		{"not the protocol", func(*request) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\nthis is no reply") }, ErrProtocol},
		{"magic", bytesOf(func(b []byte) { b[1] = 'X' }), ErrProtocol},
		{"version", bytesOf(func(b []byte) { b[4] = 9 }), ErrProtocol},
		{"unknown flag", bytesOf(func(b []byte) { b[5] |= 0x40 }), ErrProtocol},
		{"a request", bytesOf(func(b []byte) { b[5] = 0 }), ErrProtocol},
		{"another type", bytesOf(func(b []byte) { b[7] = byte(proto.TypePing) }), ErrProtocol},
		{"another number", bytesOf(func(b []byte) { b[11]++ }), ErrProtocol},
		{"header over the limit", bytesOf(func(b []byte) { binary.BigEndian.PutUint32(b[12:], proto.MaxReplyHeader+1) }), ErrProtocol},
		{"header of 4 GiB", bytesOf(func(b []byte) { binary.BigEndian.PutUint32(b[12:], 1<<32-1) }), ErrProtocol},
		{"body of 2^64-1", bytesOf(func(b []byte) { binary.BigEndian.PutUint64(b[16:], 1<<64-1) }), ErrProtocol},
		{"body longer than the range", bytesOf(func(b []byte) { binary.BigEndian.PutUint64(b[16:], 101) }), ErrProtocol},
		{"body shorter than the range", bytesOf(func(b []byte) { binary.BigEndian.PutUint64(b[16:], 99) }), ErrProtocol},
		{"error with a body", bytesOf(func(b []byte) { b[5] |= proto.FlagError }), ErrProtocol},
		{"error without a code", func(q *request) []byte { return q.frame(proto.FlagError, []byte(`{}`), nil) }, ErrProtocol},
		{"error with code 0", func(q *request) []byte { return q.frame(proto.FlagError, []byte(`{"code":0}`), nil) }, ErrProtocol},
		{"header not JSON", header(`{"size":100`, content), ErrProtocol},
		{"header not UTF-8", header("{\"size\":100,\"\xff\":1}", content), ErrProtocol},
		{"field twice", header(`{"size":100,"size":100}`, content), ErrProtocol},
		{"unknown field", header(`{"size":100,"more":1}`, content), ErrProtocol},
		{"negative size", header(`{"size":-1}`, content), ErrProtocol},
		{"fraction", header(`{"size":1e2}`, content), ErrProtocol},
		{"23 digits", header(`{"size":10000000000000000000000}`, content), ErrProtocol},
		{"no size", header(`{}`, content), ErrProtocol},
		{"deep", header(strings.Repeat("[", 500_000), content), ErrProtocol},
		{"huge size", header(`{"size":17592186044416}`, nil), ErrProtocol},
		{"wrong bytes", header(`{"size":100}`, bytes.Repeat([]byte("d"), 100)), ErrIntegrity},
		{"wrong size and bytes", header(`{"size":99}`, content[:99]), ErrIntegrity},
		{"empty", header(`{"size":0}`, nil), ErrIntegrity},
	} {
		t.Run(strings.ReplaceAll(row.name, " ", "-"), func(t *testing.T) {
			s := newServer(t)
			r := s.dial(Options{})
			s.on(proto.TypeGet, func(q *request) { q.conn.Write(row.make(q)) })
			var out bytes.Buffer
			_, err := r.Get(soon(t), Sum(content), 0, -1, &out)
			want := map[error]int{ErrProtocol: ExitProtocol, ErrIntegrity: ExitIntegrity}[row.want]
			if !errors.Is(err, row.want) || ExitCode(err) != want {
				t.Errorf("%v, exit code %d", err, ExitCode(err))
			}
			if CodeOf(err) != OK {
				t.Errorf("passes for the server's answer %v", CodeOf(err))
			}
			if out.Len() > 0 {
				t.Errorf("%d bytes were handed out", out.Len())
			}
			if n := s.count(proto.TypeGet); n != 1 {
				t.Errorf("tried %d times", n)
			}
			if err := r.Ping(soon(t)); err != nil {
				t.Errorf("ping after it: %v", err)
			}
		})
	}
}

// The same for the other types: one reply that must not pass each.
func TestHostileHeaders(t *testing.T) {
	entry := `{"node":2,"parent":1,"name":"NAME","kind":"folder","mode":493,"mtime":0,"version":2}`
	list := func(name string) string {
		return `{"epoch":7,"journal":3,"entries":[` + strings.Replace(entry, "NAME", name, 1) + `]}`
	}
	commit := &CommitRequest{Changes: []Change{{Op: OpDelete, Node: 5, Expect: ExpectAny}}}
	lists := func(r *Remote, t *testing.T) error { _, err := r.ListAll(soon(t), 0); return err }
	for _, row := range []struct {
		name   string
		kind   proto.Type
		header string
		body   string
		call   func(*Remote, *testing.T) error
		want   error
	}{
		{"list with ..", proto.TypeList, list(".."), "", lists, ErrProtocol},
		{"list with /", proto.TypeList, list("a/b"), "", lists, ErrProtocol},
		{"list with NUL", proto.TypeList, list(`a\u0000`), "", lists, ErrProtocol},
		{"list with %41", proto.TypeList, list("%41"), "", lists, ErrProtocol},
		{"list with an empty name", proto.TypeList, list(""), "", lists, ErrProtocol},
		{"list with a long name", proto.TypeList, list(strings.Repeat("n", 256)), "", lists, ErrProtocol},
		{"list from elsewhere", proto.TypeList, strings.Replace(list("a"), `"parent":1`, `"parent":9`, 1), "", lists, ErrProtocol},
		{"list in a circle", proto.TypeList, strings.Replace(list("a"), `"parent":1`, `"parent":2`, 1), "", lists, ErrProtocol},
		{"list without end", proto.TypeList, `{"more":true,` + list("a")[1:], "", lists, ErrProtocol},
		{"list with more after nothing", proto.TypeList, `{"epoch":7,"journal":3,"more":true,"entries":[]}`, "", lists, ErrProtocol},
		{"list with a body", proto.TypeList, list("a"), "x", lists, ErrProtocol},
		{"ping with a header", proto.TypePing, `{"a":1}`, "", func(r *Remote, t *testing.T) error { return r.Ping(soon(t)) }, ErrProtocol},
		{"have with more bits", proto.TypeHave, `{"held":"ffff"}`, "", func(r *Remote, t *testing.T) error {
			_, err := r.Have(soon(t), []Hash{{1}})
			return err
		}, ErrProtocol},
		{"commit with no fate", proto.TypeCommit, `{"journal":1,"entries":[{"node":1,"version":1},{"node":1,"version":1}]}`, "",
			func(r *Remote, t *testing.T) error { _, err := r.Commit(soon(t), commit); return err }, ErrProtocol},
		{"stat of another name", proto.TypeStat, `{"epoch":1,"journal":1,"entries":[{"node":1,"kind":"folder","mode":493,"mtime":0,"version":1},` +
			strings.Replace(entry, "NAME", "b", 1) + `]}`, "",
			func(r *Remote, t *testing.T) error { _, err := r.Stat(soon(t), 0, []string{"a"}); return err }, ErrProtocol},
		{"put that fails what was not sent", proto.TypePutObjects, `{"failed":[{"entry":1,"code":17}]}`, "",
			func(r *Remote, t *testing.T) error {
				_, err := r.PutObjects(soon(t), []Object{{Hash: Sum(nil)}}, [][]byte{nil})
				return err
			}, ErrProtocol},
		{"more objects than asked", proto.TypeGetObjects, `{"objects":[{"size":1},{"size":1}]}`, "ab",
			func(r *Remote, t *testing.T) error { _, err := r.GetObjects(soon(t), []Hash{{1}}, nil); return err }, ErrProtocol},
		{"objects that are not the body", proto.TypeGetObjects, `{"objects":[{"size":2}]}`, "a",
			func(r *Remote, t *testing.T) error { _, err := r.GetObjects(soon(t), []Hash{{1}}, nil); return err }, ErrProtocol},
		{"objects with wrong bytes", proto.TypeGetObjects, `{"objects":[{"size":2}]}`, "ab",
			func(r *Remote, t *testing.T) error { _, err := r.GetObjects(soon(t), []Hash{{1}}, nil); return err }, ErrIntegrity},
		{"hello without an account", proto.TypeHello, `{"version":1,"server":"` + serverID + `"}`, "", func(r *Remote, t *testing.T) error {
			r.pool.retire()
			return r.greet(soon(t))
		}, ErrProtocol},
	} {
		t.Run(strings.NewReplacer(" ", "-", "/", "slash").Replace(row.name), func(t *testing.T) {
			s := newServer(t)
			r := s.dial(Options{})
			s.on(row.kind, func(q *request) {
				q.body()
				q.conn.Write(q.frame(0, []byte(row.header), []byte(row.body)))
			})
			if err := row.call(r, t); !errors.Is(err, row.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Replies nobody asked for end the connection, and the next request finds another.
func TestEndlessReplies(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{Connections: 1})
	s.on(proto.TypePing, func(q *request) {
		q.normal()
		if s.count(proto.TypePing) > 1 {
			return
		}
		for {
			q.prelude.Number++
			if _, err := q.conn.Write(q.frame(0, nil, nil)); err != nil {
				q.end = true
				return
			}
		}
	})
	for range 3 {
		if err := r.Ping(soon(t)); err != nil && !errors.Is(err, ErrProtocol) {
			t.Error(err)
		}
	}
	if err := r.Ping(soon(t)); err != nil {
		t.Error(err)
	}
}

// A reply may come in any pieces.
func TestByteByByte(t *testing.T) {
	s := newServer(t)
	r := s.dial(Options{})
	content := bytes.Repeat([]byte("0123456789"), 20)
	s.on(proto.TypeGet, func(q *request) {
		q.conn.(*net.TCPConn).SetNoDelay(true)
		for _, b := range q.frame(0, (&proto.GetReply{Size: 200}).Append(nil), content) {
			q.conn.Write([]byte{b})
		}
	})
	for range 3 {
		if n, err := r.Get(soon(t), Sum(content), 0, -1, io.Discard); err != nil || n != 200 {
			t.Errorf("%d, %v", n, err)
		}
	}
}

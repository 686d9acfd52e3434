package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"sluice/internal/delta"
	"sluice/internal/hash"
	"sluice/internal/proto"
)

// server is a scripted server: it keeps contents in memory, and a test replaces what it does for a type.
type server struct {
	t        *testing.T
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]bool
	accepted int
	seen     []proto.Type
	script   map[proto.Type]func(*request)
	contents map[Hash][]byte
	uploads  []*partial
}

// partial is an upload whose chunks come in.
type partial struct {
	id     int64
	key    Key
	probe  proto.Probe
	size   int64
	chunks map[int64][]byte
	sealed bool
}

// request is what arrived, up to its body.
type request struct {
	*server
	conn    net.Conn
	in      *bufio.Reader
	prelude proto.Prelude
	header  proto.Header
	taken   bool // the body was read
	closing bool // flag the reply
	end     bool // close after this request
}

func newServer(t *testing.T) *server {
	t.Helper()
	leaves(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		t: t, listener: listener,
		conns:    make(map[net.Conn]bool),
		script:   make(map[proto.Type]func(*request)),
		contents: make(map[Hash][]byte),
	}
	s.running.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	s.listener.Close()
	s.cut()
	s.running.Wait()
}

// cut ends all connections.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.accepted++
		s.conns[conn] = true
		s.mu.Unlock()
		s.running.Go(func() {
			s.serve(conn)
			conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

func (s *server) serve(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		raw := make([]byte, proto.PreludeLen)
		if _, err := io.ReadFull(in, raw); err != nil {
			return
		}
		p, err := proto.ParsePrelude(raw)
		if err != nil {
			s.t.Errorf("request prelude: %v", err)
			return
		}
		row, err := p.CheckRequest()
		if err != nil {
			s.t.Errorf("request: %v", err)
			return
		}
		raw = make([]byte, p.HeaderLen)
		if _, err := io.ReadFull(in, raw); err != nil {
			return
		}
		header, err := row.Parse(raw)
		if err != nil {
			s.t.Errorf("%s header %s: %v", row.Name, raw, err)
			return
		}
		if err := row.Body(header, p.BodyLen); err != nil {
			s.t.Errorf("%s body: %v", row.Name, err)
			return
		}
		q := &request{server: s, conn: conn, in: in, prelude: p, header: header}
		s.mu.Lock()
		s.seen = append(s.seen, p.Type)
		step := s.script[p.Type]
		s.mu.Unlock()
		if step == nil {
			step = (*request).normal
		}
		step(q)
		if q.end {
			return
		}
		if !q.taken {
			q.body()
		}
	}
}

// on replaces what happens for a type.
func (s *server) on(kind proto.Type, step func(*request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[kind] = step
}

func (s *server) count(kind proto.Type) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seen := range s.seen {
		if seen == kind {
			n++
		}
	}
	return n
}

func (s *server) keep(b []byte) Hash {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Hash(hash.Sum(b))
	s.contents[h] = b
	return h
}

func (s *server) content(h Hash) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, found := s.contents[h]
	return b, found
}

func (q *request) body() []byte {
	q.taken = true
	b := make([]byte, q.prelude.BodyLen)
	if _, err := io.ReadFull(q.in, b); err != nil {
		q.end = true
		return nil
	}
	return b
}

func (q *request) frame(flags uint8, header, body []byte) []byte {
	flags |= proto.FlagReply
	if q.closing {
		flags |= proto.FlagClosing
	}
	p := proto.Prelude{Version: proto.Version, Flags: flags, Type: q.prelude.Type, Number: q.prelude.Number,
		HeaderLen: uint32(len(header)), BodyLen: uint64(len(body))}
	return append(append(p.Append(nil), header...), body...)
}

func (q *request) reply(header proto.Header, body []byte) {
	q.conn.Write(q.frame(0, header.Append(nil), body))
}

func (q *request) refuse(code Code) {
	q.conn.Write(q.frame(proto.FlagError, proto.Errorf(code, "scripted").Append(nil), nil))
}

const serverID = "00112233445566778899aabbccddeeff"

// normal is what a good server does.
func (q *request) normal() {
	body := q.body()
	if q.end {
		return
	}
	switch h := q.header.(type) {
	case *proto.Hello:
		answer := &proto.HelloReply{Version: 1, Server: serverID, Agent: "scripted"}
		if h.Token != "" {
			answer.Account, answer.Device, answer.Namespace, answer.Root, answer.Epoch, answer.Journal = "anna", 1, 1, 1, 7, 3
		}
		q.reply(answer, nil)
	case *proto.Ping:
		q.reply(&proto.PingReply{}, nil)
	case *proto.Login:
		q.reply(&proto.LoginReply{Token: "new-token", Device: 2}, nil)
	case *proto.Have:
		held := proto.NewBitmap(len(h.Hashes))
		for i, one := range h.Hashes {
			if _, found := q.content(one); found {
				held.Set(i)
			}
		}
		q.reply(&proto.HaveReply{Held: held}, nil)
	case *proto.PutObjects:
		answer := &proto.PutObjectsReply{}
		for i, o := range h.Objects {
			if one := body[:o.Size]; q.keep(one) != o.Hash {
				answer.Failed = append(answer.Failed, EntryError{Entry: i, Code: HashMismatch})
			}
			body = body[o.Size:]
		}
		q.reply(answer, nil)
	case *proto.Get:
		b, found := q.content(h.Hash)
		if !found {
			q.refuse(NotFound)
			return
		}
		from := min(h.Offset, int64(len(b)))
		q.reply(&proto.GetReply{Size: int64(len(b))}, b[from:from+h.Range(int64(len(b)))])
	case *proto.GetObjects:
		answer := &proto.GetObjectsReply{}
		var all []byte
		for _, one := range h.Hashes {
			b, found := q.content(one)
			if !found {
				answer.Objects = append(answer.Objects, proto.GotObject{Code: NotFound})
				continue
			}
			if len(all)+len(b) > MaxObjectsBody {
				break
			}
			answer.Objects = append(answer.Objects, proto.GotObject{Size: int64(len(b))})
			all = append(all, b...)
		}
		q.reply(answer, all)
	case *proto.SignatureRequest:
		b, found := q.content(h.Hash)
		if !found {
			q.refuse(NotFound)
			return
		}
		size := int64(len(b))
		of := delta.AppendEntries
		if h.Sums {
			of = func(to []byte, r io.ReaderAt, size, block, first, count int64) ([]byte, error) {
				return delta.AppendSums(to, r, size, block, first, count, make([]byte, 1<<20))
			}
		}
		answer, err := of(nil, bytes.NewReader(b), size, h.Block, h.First, h.Blocks(size))
		if err != nil {
			q.t.Error(err)
		}
		q.reply(&proto.SignatureReply{Size: size}, answer)
	case *proto.Extents:
		b, found := q.content(h.Hash)
		if !found {
			q.refuse(NotFound)
			return
		}
		q.reply(extentsOf(b, h.Offset), nil)
	default:
		q.normalUpload(body)
	}
}

// extentsOf takes whole 4 KiB of zeros for holes, and tells of two ranges at a time.
func extentsOf(b []byte, from int64) *proto.ExtentsReply {
	const unit = 4 << 10
	size := int64(len(b))
	answer := &proto.ExtentsReply{Size: size, End: size}
	for at := from; at < size; {
		end := min(at+unit, size)
		zero := len(bytes.Trim(b[at:end], "\x00")) == 0
		n := len(answer.Data)
		switch {
		case zero:
		case n > 0 && answer.Data[n-1].Offset+answer.Data[n-1].Length == at:
			answer.Data[n-1].Length += end - at
		case n == 2:
			answer.End = at
			return answer
		default:
			answer.Data = append(answer.Data, proto.Extent{Offset: at, Length: end - at})
		}
		at = end
	}
	return answer
}

func (q *request) normalUpload(body []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch h := q.header.(type) {
	case *proto.ProbeRequest:
		q.reply(q.like(h), nil)
	case *proto.UploadOpen:
		u, found := q.find(h)
		if u == nil || u.sealed {
			q.refuse(NotFound)
			return
		}
		present := proto.NewBitmap(int(proto.Chunks(max(u.size, 0))))
		var hints []byte
		for i := range proto.Chunks(max(u.size, 0)) {
			if b, found := u.chunks[i]; found {
				present.Set(int(i))
				value := hash.ChunkValue(b, i)
				hints = append(hints, value[:proto.ValueHint]...)
			}
		}
		q.reply(&proto.UploadOpenReply{Upload: u.id, Chunk: ChunkSize, Found: found, Present: present}, hints)
	case *proto.UploadChunk:
		u := q.upload(h.Upload)
		if u != nil && u.sealed {
			q.refuse(NotFound)
			return
		}
		if u == nil || hash.ChunkValue(body, h.Index) != h.Value {
			q.refuse(HashMismatch)
			return
		}
		old, present := u.chunks[h.Index]
		if present && !bytes.Equal(old, body) {
			q.refuse(proto.Differs)
			return
		}
		u.chunks[h.Index] = body
		q.reply(&proto.UploadChunkReply{Present: present}, nil)
	case *proto.UploadAssemble:
		u := q.upload(h.Upload)
		if u == nil || u.sealed {
			q.refuse(NotFound)
			return
		}
		var b []byte
		for _, r := range h.Ranges {
			switch r.Kind {
			case proto.Zero:
				b = append(b, make([]byte, r.Length)...)
			case proto.Literal:
				b, body = append(b, body[:r.Length]...), body[r.Length:]
			case proto.Copied:
				from, found := q.contents[h.From[r.From]]
				if !found {
					q.refuse(NotFound)
					return
				}
				b = append(b, from[r.Offset:r.Offset+r.Length]...)
			}
		}
		if hash.ChunkValue(b, h.Index) != h.Value {
			q.refuse(HashMismatch)
			return
		}
		u.chunks[h.Index] = b
		q.reply(&proto.UploadAssembleReply{}, nil)
	case *proto.UploadCancel:
		if u := q.upload(h.Upload); u == nil || u.sealed {
			q.refuse(NotFound)
			return
		} else {
			u.sealed = true // as good as gone
		}
		q.reply(&proto.UploadCancelReply{}, nil)
	case *proto.UploadSeal:
		u := q.upload(h.Upload)
		if u == nil || u.sealed {
			q.refuse(NotFound)
			return
		}
		var all []byte
		for i := range proto.Chunks(h.Size) {
			if u.chunks[i] == nil {
				q.refuse(NotUploaded)
				return
			}
			all = append(all, u.chunks[i]...)
		}
		if int64(len(all)) != h.Size || hash.Sum(all) != h.Hash {
			q.refuse(HashMismatch)
			return
		}
		u.sealed = true
		q.contents[h.Hash] = all
		q.reply(&proto.UploadSealReply{}, nil)
	default:
		q.t.Errorf("no script for %v", q.prelude.Type)
		q.end = true
	}
}

func (s *server) upload(id int64) *partial {
	for _, u := range s.uploads {
		if u.id == id {
			return u
		}
	}
	return nil
}

// find gives the upload that an upload-open is about; nil: there is none.
func (s *server) find(h *proto.UploadOpen) (u *partial, found bool) {
	if h.Upload != 0 {
		return s.upload(h.Upload), true
	}
	for _, u := range s.uploads {
		if u.key == h.Key || h.Probe != nil && u.size == h.Size && u.probe == *h.Probe && !h.Own && !u.sealed && u.id > h.After {
			return u, u.key != h.Key
		}
	}
	return s.begin(h), false
}

func (s *server) begin(h *proto.UploadOpen) *partial {
	u := &partial{id: int64(len(s.uploads) + 1), key: h.Key, size: h.Size, chunks: make(map[int64][]byte)}
	if h.Probe != nil {
		u.probe = *h.Probe
	}
	s.uploads = append(s.uploads, u)
	return u
}

// like is what a good server answers to a probe.
func (s *server) like(h *proto.ProbeRequest) *proto.ProbeReply {
	answer := &proto.ProbeReply{}
	for content, b := range s.contents {
		if int64(len(b)) != h.Size {
			continue
		}
		if p, err := hash.ReadProbe(bytes.NewReader(b), h.Size); err == nil && wireProbe(&p) == h.Probe {
			answer.Held = &content
		}
	}
	return answer
}

// uploaded leaves of what became of a file its hash.
func uploaded(u Uploaded, err error) (Hash, error) { return u.Hash, err }

// dial connects a logged-in Remote to s. When the test ends, no goroutine and no descriptor of it may be left.
func (s *server) dial(opt Options) *Remote {
	s.t.Helper()
	opt.Address = "sluice+plain://" + s.listener.Addr().String()
	if opt.Token == "" {
		opt.Token = "token"
	}
	if opt.Timeout == 0 {
		opt.Timeout = 20 * time.Second
	}
	r, err := Dial(soon(s.t), opt)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { r.Close() })
	return r
}

// soon bounds a test that would hang.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, errors.New("the test hangs"))
	t.Cleanup(cancel)
	return ctx
}

// leaves fails the test if, at its very end, more goroutines or descriptors are there than now.
func leaves(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	t.Cleanup(func() {
		for wait := time.Millisecond; ; wait *= 2 {
			g, f := runtime.NumGoroutine(), descriptors(t)
			if g <= goroutines && f <= files {
				return
			}
			if wait > time.Second {
				stacks := make([]byte, 1<<16)
				t.Errorf("%d goroutines and %d descriptors became %d and %d\n%s",
					goroutines, files, g, f, stacks[:runtime.Stack(stacks, true)])
				return
			}
			time.Sleep(wait)
		}
	})
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

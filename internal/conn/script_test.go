package conn

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/handler"
	"sluice/internal/proto"
)

type syscallConn = syscall.RawConn

// script stands in the handler's place. Uploads land in a file of their own and are kept for the test to look at; a gate
// that is shut holds its function until it is opened.
type script struct {
	t    testing.TB
	dir  string
	rows map[proto.Type]*handler.Row

	mu     sync.Mutex
	gates  map[string]chan struct{}
	bodies [][]byte // in the order of their Finish
	number int
	sealed *os.File

	owed     atomic.Int64 // what Begin took and neither Finish nor Abort gave back
	aborted  atomic.Int64
	released atomic.Int64
	opened   atomic.Int64
	inFinish atomic.Int64

	discard   bool
	pieces    int                   // how many an upload is cut into
	parts     func() []handler.Part // get's
	header    int                   // length of get's reply header
	fail      *proto.Error          // begin of an upload refuses
	panics    string
	seen      func() uint64 // what changes says it has seen
	until     time.Duration // how long it parks
	deaf      bool          // it parks so that only the limit ends it
	resumed   chan handler.Reason
	holdNext  bool         // jobs after get's begin are held
	goodbye   bool         // fail ends the connection too
	badFile   bool         // uploads go to a file that cannot be written
	badPiece  int          // this piece of an upload cannot be written; 0: none
	parkAgain atomic.Int64 // how often resume finds nothing
}

func newScript(t testing.TB) *script {
	s := &script{t: t, dir: t.TempDir(), gates: make(map[string]chan struct{}), until: time.Minute, pieces: 3, resumed: make(chan handler.Reason, 16)}
	s.rows = map[proto.Type]*handler.Row{
		proto.TypeHello: {Begin: func(_ *handler.Service, c *handler.Call) handler.Outcome {
			c.Peer.Who.Account = 1
			return handler.Reply{}
		}},
		proto.TypePing: {Quick: func(*handler.Service, *handler.Call) (handler.Outcome, bool) { return pong, true }},
		proto.TypeQuota: {Begin: func(*handler.Service, *handler.Call) handler.Outcome {
			s.pass("begin")
			return handler.Reply{Header: []byte(`{}`)}
		}},
		proto.TypeHave: {Begin: func(_ *handler.Service, c *handler.Call) handler.Outcome {
			return handler.Reply{Header: []byte(`{"n":` + string(rune('0'+len(c.Raw)%10)) + `}`)}
		}},
		proto.TypePutObjects:  {Begin: s.beginUpload, Finish: s.finishUpload, Abort: s.abortUpload},
		proto.TypeUploadChunk: {Begin: s.beginUpload, Finish: s.finishUpload, Abort: s.abortUpload},
		proto.TypeGet: {Begin: func(*handler.Service, *handler.Call) handler.Outcome {
			s.pass("begin")
			if s.holdNext {
				s.shut("jobs")
			}
			r := handler.Reply{Header: bytes.Repeat([]byte{' '}, s.header)}
			if s.parts != nil {
				r.Parts = s.parts()
			}
			return r
		}},
		proto.TypeChanges: {
			Begin: func(*handler.Service, *handler.Call) handler.Outcome {
				return handler.Park{Seen: s.seen(), Until: time.Now().Add(s.until), Deaf: s.deaf}
			},
			Resume: func(_ *handler.Service, _ *handler.Call, why handler.Reason) handler.Outcome {
				s.pass("resume")
				s.resumed <- why
				if s.parkAgain.Add(-1) >= 0 {
					return handler.Park{Seen: s.seen(), Until: time.Now().Add(s.until)}
				}
				return handler.Reply{}
			},
		},
	}
	return s
}

var pong handler.Outcome = handler.Reply{}

func (s *script) row(t proto.Type) *handler.Row { return s.rows[t] }

// shut makes pass(name) wait.
func (s *script) shut(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gates[name] = make(chan struct{})
}

func (s *script) open(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.gates[name]; g != nil {
		close(g)
		delete(s.gates, name)
	}
}

func (s *script) openAll() {
	s.mu.Lock()
	names := make([]string, 0, len(s.gates))
	for name := range s.gates {
		names = append(names, name)
	}
	s.mu.Unlock()
	for _, name := range names {
		s.open(name)
	}
}

func (s *script) pass(name string) {
	s.mu.Lock()
	g := s.gates[name]
	s.mu.Unlock()
	if s.panics == name {
		panic("scripted")
	}
	if g != nil {
		<-g
	}
}

func (s *script) beginUpload(_ *handler.Service, c *handler.Call) handler.Outcome {
	s.pass("begin")
	if s.fail != nil {
		return handler.Reply{Err: s.fail, Close: s.goodbye}
	}
	s.owed.Add(1)
	behind := c.Type == proto.TypeUploadChunk
	if s.discard {
		return handler.Receive{Discard: true, Behind: behind}
	}
	if c.BodyLen <= handler.MemoryBody && c.Type == proto.TypePutObjects {
		return handler.Receive{}
	}
	s.mu.Lock()
	s.number++
	name := filepath.Join(s.dir, "body", string(rune('a'+s.number%26)))
	s.mu.Unlock()
	_ = os.Mkdir(filepath.Dir(name), 0o700)
	f, err := os.Create(name)
	if err != nil {
		s.t.Error(err)
	}
	c.State = f
	if s.badFile {
		f.Close()
		f, _ = os.Open(name) // not writable
		c.State = f
	}
	var into []handler.Piece
	at := int64(0)
	for i := range s.pieces {
		length := c.BodyLen/int64(s.pieces) + int64(i%2)*7
		if i == s.pieces-1 || at+length > c.BodyLen {
			length = c.BodyLen - at
		}
		// Pieces lie apart, as ranges of a segment do.
		fd := int(f.Fd())
		if i > 0 && i == s.badPiece {
			fd = s.readOnly()
		}
		into = append(into, handler.Piece{FD: fd, Offset: at + int64(i)*4096, Length: length})
		at += length
	}
	return handler.Receive{Into: into, Behind: behind}
}

func (s *script) finishUpload(_ *handler.Service, c *handler.Call) handler.Outcome {
	defer s.owed.Add(-1)
	if f, ok := c.State.(*os.File); ok {
		defer f.Close()
	}
	s.inFinish.Add(1)
	s.pass("finish")
	defer s.inFinish.Add(-1)
	body := slices.Clone(c.Body)
	if f, ok := c.State.(*os.File); ok {
		all, err := os.ReadFile(f.Name())
		if err != nil {
			s.t.Error(err)
		}
		at := int64(0)
		for i := range s.pieces {
			length := c.BodyLen/int64(s.pieces) + int64(i%2)*7
			if i == s.pieces-1 || at+length > c.BodyLen {
				length = c.BodyLen - at
			}
			body = append(body, all[at+int64(i)*4096:][:length]...)
			at += length
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, body)
	return handler.Reply{Header: []byte(`{}`)}
}

func (s *script) abortUpload(_ *handler.Service, c *handler.Call) {
	s.pass("abort")
	s.owed.Add(-1)
	s.aborted.Add(1)
	if f, ok := c.State.(*os.File); ok {
		f.Close()
	}
}

// readOnly is a descriptor that cannot be written to. It is closed with the script.
func (s *script) readOnly() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed == nil {
		f, err := os.Open(os.DevNull)
		if err != nil {
			s.t.Error(err)
		}
		s.sealed = f
	}
	return int(s.sealed.Fd())
}

// close checks that all was given back.
func (s *script) close() {
	if s.sealed != nil {
		s.sealed.Close()
	}
	if n := s.owed.Load(); n != 0 {
		s.t.Errorf("%d uploads were neither finished nor aborted", n)
	}
	if s.opened.Load() != s.released.Load() {
		s.t.Errorf("%d sources were given, %d released", s.opened.Load(), s.released.Load())
	}
}

// source is a counted file.
type source struct {
	s    *script
	f    *os.File
	once atomic.Bool
}

// file makes a source of b.
func (s *script) file(b []byte) handler.Part {
	f, err := os.CreateTemp(s.dir, "source")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		s.t.Fatal(err)
	}
	s.opened.Add(1)
	return handler.Part{Source: &source{s: s, f: f}, Length: int64(len(b))}
}

// neverReady makes a source of zeros that no read gets that is not to wait, as of a disk. Of a file whose pages were taken
// out of memory that cannot be said: such a read makes the kernel fetch them, and where the machine is busy they are there
// before it returns.
func (s *script) neverReady(length int64) handler.Part {
	f, err := os.Open("/dev/full")
	if err != nil {
		s.t.Error(err)
	}
	s.opened.Add(1)
	return handler.Part{Source: &source{s: s, f: f}, Length: length}
}

// cold takes a source's pages out of memory. A page that another core has just put there is passed over at first. It is
// called in a job, which must come back: a file system that keeps files in memory fails the test. It does not ask by a
// read, even one that does not wait: the kernel would begin to read ahead.
func (s *script) cold(p handler.Part) handler.Part {
	fd := p.Source.FD()
	for range 600 {
		var cached unix.Cachestat_t
		if err := errors.Join(unix.Fsync(fd), unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)); err != nil {
			s.t.Error(err)
			return p
		}
		err := unix.Cachestat(uint(fd), &unix.CachestatRange{}, &cached, 0)
		if err == nil && cached.Cache == 0 || err == unix.ENOSYS { // before Linux 6.5 nobody knows
			return p
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Error("the file stays in memory: its file system keeps it there, and TMPDIR must be on another")
	return p
}

func (x *source) FD() int { return int(x.f.Fd()) }

func (x *source) Release() {
	if x.once.Swap(true) {
		x.s.t.Error("a source was released twice")
	}
	x.f.Close()
	x.s.released.Add(1)
}

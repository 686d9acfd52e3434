package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// manners are the ways in which a call goes wrong. A short one has done half of what it was asked to.
var manners = []struct {
	call  string
	errno []unix.Errno
	short bool
}{
	{"openat", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EMFILE, unix.EINTR}, false},
	{"mkdirat", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT}, false},
	{"unlinkat", []unix.Errno{unix.EIO, unix.EINTR}, false},
	{"splice", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR}, true},
	{"pwrite64", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR}, true},
	{"pread64", []unix.Errno{unix.EIO, unix.EINTR}, true},
	{"fdatasync", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR}, false},
	{"fsync", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR}, false},
	{"fallocate", []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR, unix.EOPNOTSUPP}, false},
	{"ftruncate", []unix.Errno{unix.EIO, unix.ENOSPC}, false},
}

// known are failures that once were not met well (docs/TRACK-RECORD.md), or once seemed not to be.
var known = []struct {
	trial string
	fault fault
}{
	{"a life's first put", fault{call: "fsync", nth: 1, errno: unix.EIO}},      // of the log, by whom a block of numbers was taken
	{"a life's first file", fault{call: "openat", nth: 1, errno: unix.EMFILE}}, // of a folder that is only to be synced
	{"a life's first file", fault{call: "openat", nth: 2, errno: unix.EMFILE}},
	{"a life's first file", fault{call: "openat", nth: 3, errno: unix.EMFILE}},
	// A commit that was refused as its sync failed stands in the log nevertheless, and counts once the next worker has read
	// that. The repetition must then be answered by its key.
	{"upload-seal", fault{call: "fsync", nth: 1, errno: unix.EINTR}},
	{"upload-open", fault{call: "fsync", nth: 2, errno: unix.EIO}},
}

// nth is the bench on which requests are tried while calls fail.
type nth struct {
	*server
	tap    *tap
	remote *client.Remote
	next   uint64        // seed of the next content
	keyed  uint64        // seed of the keys of the upload in hand
	kept   []client.Hash // acknowledged
	names  []ack
	runs   int
	fired  int
	lives  int // workers that had to be replaced
}

// trial is a request; calls fail while do runs. again repeats it afterwards, when nothing fails any more, and must succeed.
type trial struct {
	name    string
	prepare func(n *nth) // without failures
	do      func(n *nth) error
	again   func(n *nth) error
	lost    bool // a failure may end the connection instead of being answered: a reply was under way
	dies    bool // the worker is killed by it
}

// TestNthCall is D5: every request is tried with its first, second, third … system call of each kind failing in each manner,
// until none fails any more. Each time there is a clean answer, nothing is acknowledged that is not so, the server goes on,
// nothing leaks, and the same request succeeds afterwards.
func TestNthCall(t *testing.T) {
	t.Parallel()
	r := begin(t)
	n := r.newNth(r.path("data"))
	if only := os.Getenv(caseVariable); only != "" {
		n.alone(only)
		return
	}
	for _, k := range known {
		for _, trial := range trials() {
			if trial.name == k.trial {
				n.run(&trial, k.fault)
			}
		}
	}
	var series []func() bool
	for _, trial := range trials() {
		for f := range faults {
			series = append(series, func() bool { return n.series(&trial, f) })
		}
	}
	random := r.random(1)
	if !r.long { // always the same ones: a part drawn by chance is no verdict
		random = rand.New(rand.NewPCG(1, 1))
	}
	random.Shuffle(len(series), func(i, j int) { series[i], series[j] = series[j], series[i] })
	done := 0
	for _, one := range series[:r.pick(20, len(series))] {
		one()
		if done++; done%40 == 0 {
			n.whole()
		}
		if r.Failed() {
			r.FailNow()
		}
	}
	n.whole()
	r.Logf("%d of %d series, %d runs, %d failures injected, %d workers replaced, %d contents kept", done, len(series), n.runs, n.fired, n.lives, len(n.kept))
	if n.fired == 0 {
		r.Error("no call failed: the tap sees nothing")
	}
}

// alone runs one case, named as run names it; in a long round again and again, as some are a matter of the moment.
func (n *nth) alone(name string) {
	n.Helper()
	for _, trial := range trials() {
		if !strings.HasPrefix(name, trial.name+": ") {
			continue
		}
		for f := range faults {
			for f.nth = 1; f.nth < endless; f.nth++ {
				if caseName(&trial, f) != name {
					continue
				}
				times := n.pick(1, 1000)
				for range times {
					if !n.run(&trial, f) {
						n.Error("the call did not come")
					}
				}
				n.whole()
				n.Logf("%d times %s: %d workers replaced", times, name, n.lives)
				return
			}
		}
	}
	n.Fatalf("%s: there is no case %q", caseVariable, name)
}

// faults are all manners in which all calls fail.
func faults(yield func(fault) bool) {
	for _, m := range manners {
		for _, errno := range m.errno {
			if !yield(fault{call: m.call, errno: errno}) {
				return
			}
		}
		if m.short && !yield(fault{call: m.call, short: true}) {
			return
		}
		if !yield(fault{call: m.call, kill: true}) {
			return
		}
	}
}

func (r *round) newNth(data string) *nth {
	r.Helper()
	s := r.newServer(data, 1)
	n := &nth{server: s, next: r.seed << 20}
	n.tap = s.tap()
	s.start()
	n.remote = s.dialRemote(client.Options{Connections: 1, Retries: -1, Timeout: 20 * time.Second})
	return n
}

// series fails the first call of a kind, then the second, until one run has no failure.
func (n *nth) series(trial *trial, f fault) bool {
	n.Helper()
	for f.nth = 1; f.nth < endless; f.nth++ {
		if !n.run(trial, f) {
			return true
		}
	}
	n.Errorf("%s: %d calls have failed, and there is no end", caseName(trial, f), endless)
	return false
}

// endless is more calls than any request makes.
const endless = 200

// caseName names a case for people and for caseVariable.
func caseName(trial *trial, f fault) string { return fmt.Sprintf("%s: %v", trial.name, f) }

func (f fault) String() string {
	how := "fails with " + f.errno.Error()
	switch {
	case f.short:
		how = "is short"
	case f.kill:
		how = "is where it is killed"
	}
	return fmt.Sprintf("%s number %d %s", f.call, f.nth, how)
}

// run is one run; it tells whether the failure came.
func (n *nth) run(trial *trial, f fault) bool {
	n.Helper()
	n.runs++
	what := caseName(trial, f)
	n.only = what // until it has ended well
	// A disk that was said to be full is one until the keeper has looked again.
	n.within(startLimit, "the reserves are whole again", func() bool {
		for _, name := range []string{"reserve", "reserve-log"} {
			if info, err := os.Stat(filepath.Join(n.data, name)); err == nil && (info.Size() == 0 || info.Size()%2 != 0) {
				return false
			}
		}
		return true
	})
	if trial.prepare != nil {
		trial.prepare(n)
	}
	worker := n.worker()
	n.tap.arm(f)
	err := trial.do(n)
	fired, _ := n.tap.disarm()
	n.judge(what, trial, f, err, fired)
	if fired == 0 {
		n.only = ""
		return false
	}
	n.fired++
	if now := n.worker(); now != worker && !f.kill && !trial.dies {
		n.Errorf("%s: the worker died", what)
	}
	// Whoever has met a failed sync writes no more: another worker does, with nothing of the old one's in memory. The request
	// may have succeeded beside it: the keeper syncs too.
	if (err != nil || ofWriting[f.call]) && client.CodeOf(n.probe()) == codeReadOnly {
		n.replace()
	}
	if trial.again != nil {
		again := func() error { return n.patiently(func() error { return trial.again(n) }) }
		err := again()
		for end := time.Now().Add(10 * time.Second); client.CodeOf(err) == client.NoSpace && time.Now().Before(end); err = again() {
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil {
			n.Errorf("%s: then, without a failure: %v", what, err)
		}
	}
	n.leaks(what)
	if n.Failed() {
		n.FailNow()
	}
	n.only = ""
	return true
}

// judge says whether an answer is clean.
func (n *nth) judge(what string, trial *trial, f fault, err error, fired int) {
	n.Helper()
	switch code := client.CodeOf(err); {
	case err == nil:
	case fired == 0:
		n.Errorf("%s did not come, and yet: %v", what, err)
	case code == codeReadOnly && !ofWriting[f.call]:
		n.Errorf("%s: the store stops writing for it", what)
	case code == codeInternal || code == codeReadOnly || code == client.NoSpace:
	case code == proto.Draining && f.kill:
	case code == client.OK && (f.kill || trial.lost) && !errors.Is(err, client.ErrIntegrity) && !errors.Is(err, client.ErrTimeout):
	default:
		n.Errorf("%s: the answer is %v", what, err)
	}
}

// ofWriting are the calls after whose failure nobody knows what is on the disk: the store may stop writing for them alone.
var ofWriting = map[string]bool{"pwrite64": true, "fdatasync": true, "fsync": true, "ftruncate": true}

// probe writes something small.
func (n *nth) probe() error {
	return n.patiently(func() error { return n.put(n.body(10)) })
}

// patiently tries again while a worker is being started.
func (n *nth) patiently(do func() error) error {
	var err error
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if err = do(); err == nil || client.CodeOf(err) != client.OK {
			return err
		}
	}
	return err
}

// worker is the process of the only worker; it waits until there is one.
func (n *nth) worker() int {
	n.Helper()
	return int(n.ready().Workers[0].Pid)
}

// replace kills the worker; the parent starts another.
func (n *nth) replace() {
	n.Helper()
	old := n.worker()
	unix.Kill(old, unix.SIGKILL)
	n.within(startLimit, "another worker", func() bool { return n.worker() != old })
	n.lives++
}

// whole stops everything, as by a kill, and looks at all that was acknowledged and at the data folder.
func (n *nth) whole() {
	n.Helper()
	n.samePipes("after the failures")
	n.killAll()
	n.startUp()
	n.checkAll("after the failures")
	n.start()
	ctx := context.Background()
	for at := 0; at < len(n.kept); {
		var got []client.Got
		part := n.kept[at:min(at+200, len(n.kept))]
		n.must(n.patiently(func() (err error) { got, err = n.remote.GetObjects(ctx, part, nil); return err }))
		for i, g := range got {
			if g.Code != client.OK {
				n.Fatalf("content %x was acknowledged, and is now %v", part[i][:4], g.Code)
			}
		}
		at += len(got)
	}
	for _, a := range n.names {
		reply, err := n.remote.Stat(ctx, 0, []string{a.path})
		n.must(err)
		if len(reply.Entries) != 2 || reply.Entries[1].Hash != a.hash || reply.Entries[1].Version != a.version {
			n.Fatalf("%q was acknowledged as version %d and is %+v", a.path, a.version, reply.Entries)
		}
	}
}

// leaks looks whether the worker holds what nobody uses any more.
func (n *nth) leaks(what string) {
	n.Helper()
	var c census
	var err error
	for range 400 { // what was under way is given back by jobs
		if c, err = takeCensus(n.worker(), n.data); err == nil && c.objects == 0 && c.segments <= 1 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	n.must(err)
	if c.objects > 0 || c.segments > 1 {
		n.Errorf("%s: the worker keeps %d files of contents and %d segments open for writing: %v", what, c.objects, c.segments, c.paths)
	}
}

// samePipes waits until the worker's pipes are those its pool tells of. One end of another is its log.
func (s *server) samePipes(what string) {
	s.Helper()
	var c census
	told := int64(0)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the number may be a beat old
		w := s.mustStatus().Workers[0]
		var err error
		c, err = takeCensus(int(w.Pid), s.data)
		told = w.PipesOpen
		if err == nil && int64(c.pipes/2) == told {
			return
		}
		if time.Now().After(end) {
			s.Errorf("%s: %d ends of pipes, the pool tells of %d pipes", what, c.pipes, told)
			return
		}
	}
}

// body is a content nobody has seen.
func (n *nth) body(size int) []byte {
	b := make([]byte, size)
	n.next++
	fill(b, n.next)
	return b
}

// put brings contents, and remembers them once they are acknowledged.
func (n *nth) put(bodies ...[]byte) error {
	objects := make([]client.Object, len(bodies))
	for i, b := range bodies {
		objects[i] = client.Object{Hash: client.Sum(b), Size: int64(len(b))}
	}
	failed, err := n.remote.PutObjects(context.Background(), objects, bodies)
	if err != nil {
		return err
	}
	for _, f := range failed {
		return client.NewError("put-objects", f.Code, f.Message)
	}
	for _, o := range objects {
		n.kept = append(n.kept, o.Hash)
	}
	return nil
}

// trials are the requests, with what they need.
func trials() []trial {
	var bodies [][]byte
	var commit *client.CommitRequest
	var source []byte
	var upload int64
	var w *wire
	ctx := context.Background()
	put := func(sizes ...int) trial {
		return trial{
			prepare: func(n *nth) {
				bodies = nil
				for _, size := range sizes {
					bodies = append(bodies, n.body(size))
				}
			},
			do:    func(n *nth) error { return n.put(bodies...) },
			again: func(n *nth) error { return n.put(bodies...) },
		}
	}
	named := func(t trial, name string) trial { t.name = name; return t }
	after := func(before func(n *nth), t trial) trial {
		prepare := t.prepare
		t.prepare = func(n *nth) { before(n); prepare(n) }
		return t
	}
	fresh := func(n *nth) { n.replace() } // so that a segment and a folder are to be made
	doCommit := func(n *nth) error {
		reply, err := n.remote.Commit(ctx, commit)
		if err != nil {
			return err
		}
		for i, e := range reply.Entries {
			if e.Code != client.OK {
				return client.NewError("commit", e.Code, e.Message)
			}
			n.names = append(n.names, ack{path: commit.Changes[i].Name, hash: commit.Changes[i].Hash, version: e.Version})
		}
		return nil
	}
	// Uploads go over a wire of their own, request by request.
	ask := func(n *nth, t proto.Type, h proto.Header, body []byte) (*wireReply, error) {
		if w == nil || w.tryPing() != nil {
			if w != nil {
				w.Close()
			}
			w = nil
			fresh, err := n.tryDial()
			if err != nil {
				return nil, err
			}
			fresh.SetDeadline(time.Now().Add(10 * time.Minute))
			code, err := fresh.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Token: n.login(), Agent: "torture"}, nil)
			if err == nil && code != proto.OK {
				err = client.NewError("hello", code, "")
			}
			if err != nil {
				fresh.Close()
				return nil, err
			}
			w = fresh
		}
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
	must := func(n *nth, do func() error) {
		n.Helper()
		n.must(n.patiently(do))
	}
	open := func(n *nth) error {
		reply, err := ask(n, proto.TypeUploadOpen, &proto.UploadOpen{Key: n.key(0), Size: int64(len(source))}, nil)
		if err != nil {
			return err
		}
		opened, err := proto.ParseUploadOpenReply(reply.header)
		if err == nil {
			upload = opened.Upload
		}
		return err
	}
	chunk := func(i int64) func(n *nth) error {
		return func(n *nth) error {
			_, err := ask(n, proto.TypeUploadChunk, chunkOf(upload, i, source), source[i*client.ChunkSize:min(len(source), int(i+1)*client.ChunkSize)])
			return err
		}
	}
	seal := func(n *nth) error {
		_, err := ask(n, proto.TypeUploadSeal, &proto.UploadSeal{Key: n.key(1), Upload: upload, Size: int64(len(source)), Hash: client.Sum(source)}, nil)
		if err == nil {
			n.kept = append(n.kept, client.Sum(source))
		}
		return err
	}
	size := 100_000
	begin := func(n *nth) { source = n.body(size); n.keyed = n.next }
	opened := func(n *nth) { begin(n); must(n, func() error { return open(n) }) }
	filled := func(n *nth) { opened(n); must(n, func() error { return chunk(0)(n) }) }
	read := func(n *nth) error {
		got, err := n.remote.Get(ctx, client.Sum(source), 0, -1, io.Discard)
		if err == nil && got != int64(len(source)) {
			err = fmt.Errorf("%d bytes of %d", got, len(source))
		}
		return err
	}
	return []trial{
		named(put(100, 3000), "put in memory"),
		named(after(fresh, put(100)), "a life's first put"),
		named(put(50_000, 50_000, 200_000), "put in pieces"),
		named(after(fresh, put(150_000)), "a life's first file"),
		{name: "commit", prepare: func(n *nth) {
			commit = &client.CommitRequest{Key: client.Key(n.body(16))}
			for i := range 3 {
				b := n.body(100 + i)
				must(n, func() error { return n.put(b) })
				commit.Changes = append(commit.Changes, client.Change{Op: client.OpPut, Kind: client.KindFile, Name: fmt.Sprintf("c%d-%d", n.next, i),
					Parent: client.Place{Node: n.remote.Hello().Root}, Hash: client.Sum(b), Size: int64(len(b)), Mode: 0o644, Expect: 0})
			}
		}, do: doCommit, again: doCommit},
		{name: "upload-open", prepare: begin, do: open, again: open},
		{name: "upload-chunk", prepare: opened, do: chunk(0), again: chunk(0)},
		{name: "upload-seal", prepare: filled, do: seal, again: seal},
		{name: "get from a segment", lost: true, prepare: func(n *nth) {
			source = n.body(90_000)
			must(n, func() error { return n.put(source) })
			n.replace()
		}, do: read, again: read},
		{name: "get from a file", lost: true, prepare: func(n *nth) {
			source = n.body(3 << 20)
			must(n, func() error { return n.put(source) })
		}, do: read, again: read},
		{name: "login", do: func(n *nth) error {
			remote, err := client.Dial(ctx, client.Options{Address: n.url(), Retries: -1, Connections: 1})
			if err != nil {
				return err
			}
			defer remote.Close()
			_, err = remote.Login(ctx, "ann", password, "torture")
			return err
		}},
		{name: "a worker's start", lost: true, dies: true, do: func(n *nth) error {
			unix.Kill(n.worker(), unix.SIGKILL)
			return n.patiently(func() error { return n.put(n.body(10)) })
		}},
	}
}

// key is a key for the request in hand; it stays the same when the request is repeated.
func (n *nth) key(i byte) (key proto.Key) {
	fill(key[:15], n.keyed)
	key[15] = i
	return key
}

package torture

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// manner is the ways in which a call goes wrong. A short one has done half of what it was asked to.
type manner struct {
	call  string
	errno []unix.Errno
	short bool
}

var manners = []manner{
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
	{"a life's first put", fault{call: "fdatasync", match: ofLog, nth: 1, errno: unix.EIO}}, // by whom a block of numbers was taken
	{"a life's first file", fault{call: "openat", nth: 1, errno: unix.EMFILE}},              // of a folder that is only to be synced
	{"a life's first file", fault{call: "openat", nth: 2, errno: unix.EMFILE}},
	{"a life's first file", fault{call: "openat", nth: 3, errno: unix.EMFILE}},
	// A commit that was refused as its sync failed stands in the log nevertheless, and counts once the next worker has read
	// that. The repetition must then be answered by its key.
	{"upload-seal", fault{call: "fdatasync", match: ofLog, nth: 1, errno: unix.EINTR}},
	{"upload-open", fault{call: "fdatasync", match: ofLog, nth: 2, errno: unix.EIO}},
}

func ofLog(e *event) bool { return e.path == databaseLog }

// nth is the bench on which requests are tried while calls fail.
type nth struct {
	*server
	tap    *tap
	remote *client.Remote
	next   uint64 // seed of the next content
	hand   hand
	bob    *client.Remote // somebody else; nil: not asked for yet
	kept   []client.Hash  // acknowledged
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
	reads   bool // it commits nothing

	match func(n *nth) func(e *event) bool // which calls fail; nil: any
	calls []string                         // of which kinds; nil: all
	short []string                         // of these in a short round; nil: all, none: only long rounds have it
	after func(n *nth)                     // when it was tried for the last time; nil: nothing is left behind
	disk  string                           // the file system it is about; empty: any
}

// TestNthCall is D5: every request is tried with its first, second, third … system call of each kind failing in each manner,
// until none fails any more. Each time there is a clean answer, nothing is acknowledged that is not so, the server goes on,
// nothing leaks, and the same request succeeds afterwards.
func TestNthCall(t *testing.T) {
	t.Parallel()
	r := begin(t)
	n := r.newNth(r.path("data"))
	if only := os.Getenv(caseVariable); only != "" {
		n.alone(only, trials(), manners)
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
		for f := range faultsOf(manners) {
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
func (n *nth) alone(name string, trials []trial, manners []manner) {
	n.Helper()
	for _, trial := range trials {
		if !strings.HasPrefix(name, trial.name+": ") {
			continue
		}
		for f := range faultsOf(manners) {
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

// faultsOf are all manners in which calls fail.
func faultsOf(manners []manner) iter.Seq[fault] {
	return func(yield func(fault) bool) {
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
	n.reserved()
	if trial.prepare != nil {
		trial.prepare(n)
	}
	worker := n.worker()
	if trial.match != nil {
		ours, theirs := trial.match(n), f.match
		f.match = func(e *event) bool { return ours(e) && (theirs == nil || theirs(e)) }
	}
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

// reserved waits until the reserves are whole: a disk that was said to be full is one until the keeper has looked again.
func (n *nth) reserved() {
	n.Helper()
	n.within(startLimit, "the reserves are whole again", func() bool {
		for _, name := range []string{"reserve", "reserve-log"} {
			if info, err := os.Stat(filepath.Join(n.data, name)); err == nil && (info.Size() == 0 || info.Size()%2 != 0) {
				return false
			}
		}
		return true
	})
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
			if g.Code == proto.TooLarge { // for many at once
				_, err := n.remote.Get(ctx, part[i], 0, -1, discard{})
				g.Code = client.CodeOf(err)
				n.must(err)
			}
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

package torture

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/control"
	"sluice/internal/proto"
)

// TestFailingSync is D6: a sync fails once, and would succeed if it were asked again, as the kernel has forgotten the bytes by
// then. What waited for it is refused, that worker writes no more until it is replaced, not that content and no other; it goes
// on reading, the other worker goes on writing, and log and status tell the administrator.
func TestFailingSync(t *testing.T) {
	t.Parallel()
	in := func(folder string) func(*event) bool {
		return func(e *event) bool { return strings.HasPrefix(e.path, folder) }
	}
	for _, test := range []struct {
		name  string
		fault fault
		size  int  // of the content
		chunk bool // it comes in chunks
	}{
		{"a segment", fault{call: "fdatasync", match: in("segments/")}, 1000, false},
		{"a segment, spliced into", fault{call: "fdatasync", match: in("segments/")}, 100_000, false},
		{"an object", fault{call: "fdatasync", match: in("objects/")}, 300_000, false},
		{"a chunk", fault{call: "fdatasync", match: in("objects/")}, 400_000, true},
		{"the segments' folder", fault{call: "fsync", match: in("segments")}, 1000, false},
		{"a folder of objects", fault{call: "fsync", match: in("objects/")}, 300_000, false},
		{"the database's log", fault{call: "fdatasync", match: in(databaseLog)}, 1000, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := begin(t)
			s := r.newServer(r.path("data"), 2)
			tap := s.tap()
			s.start()
			s.ready()
			b := make([]byte, test.size)
			fill(b, r.seed)
			sum := client.Sum(b)
			// A connection to each worker.
			lines := make(map[int]*wire)
			s.within(startLimit, "a connection to each worker", func() bool {
				w := s.dial()
				lines[s.workerOf(w)] = w
				return len(lines) == 2
			})
			upload := int64(0)
			try := func(w *wire) (proto.Code, error) {
				if test.chunk {
					return w.ask(proto.TypeUploadChunk, chunkOf(upload, 0, b), b)
				}
				return w.ask(proto.TypePutObjects, &proto.PutObjects{Objects: []proto.Object{{Hash: sum, Size: int64(len(b))}}}, b)
			}
			send := func(w *wire) proto.Code {
				r.Helper()
				code, err := try(w)
				r.must(err)
				return code
			}
			var first, other *wire
			for _, w := range lines {
				first, other = w, first
			}
			if test.chunk {
				_, err := first.Write(first.frame(proto.TypeUploadOpen, (&proto.UploadOpen{Key: proto.Key{1}, Size: int64(len(b))}).Append(nil), nil))
				r.must(err)
				reply, err := first.read()
				r.must(err)
				opened, err := proto.ParseUploadOpenReply(reply.header)
				r.must(err)
				upload = opened.Upload
			}
			f := test.fault
			f.nth, f.errno = 1, unix.EIO
			if inside := f.match; inside(&event{path: databaseLog}) { // not the keeper's, who may be in the other worker
				f.match = func(e *event) bool { return inside(e) && tap.committing(e) }
			}
			tap.recorded()
			tap.arm(f)
			code := send(first)
			fired, victim := tap.disarm()
			if fired != 1 || code != codeReadOnly {
				r.Fatalf("the sync failed %d times, and the answer is %v", fired, code)
			}
			for range 3 { // every further sync would succeed
				if code := send(first); code != codeReadOnly {
					r.Errorf("sent again to the same worker: %v", code)
				}
			}
			if held := s.have(first, sum) || s.have(other, sum); held {
				r.Error("what was refused is held")
			}
			if !strings.Contains(s.logTail(1<<20), "stops writing") {
				r.Error("the log does not say that the store stops writing")
			}
			s.within(10*time.Second, "status shows which worker writes no more", func() bool {
				shown, right := 0, false
				for _, w := range s.mustStatus().Workers {
					if w.ReadOnly {
						shown++
						right = int(w.Pid) == victim
					}
				}
				return shown == 1 && right
			})
			if code := send(other); code != proto.OK {
				r.Errorf("sent to the other worker: %v", code)
			}
			if test.chunk {
				seal := &proto.UploadSeal{Key: proto.Key{2}, Upload: upload, Size: int64(len(b)), Hash: sum}
				code, err := other.ask(proto.TypeUploadSeal, seal, nil)
				r.must(err)
				if code != proto.OK {
					r.Errorf("sealed by the other worker: %v", code)
				}
			}
			if code, err := first.ask(proto.TypeGet, &proto.Get{Hash: sum, Length: -1}, nil); err != nil || code != proto.OK {
				r.Errorf("the worker that writes no more does not read either: %v %v", code, err)
			}
			unix.Kill(victim, unix.SIGKILL)
			s.within(startLimit, "another worker", func() bool { return s.replaced(victim) })
			for range 8 {
				w := s.dial()
				code, err := try(w)
				if err == nil && code != proto.OK && !test.chunk { // the upload has been sealed
					r.Errorf("sent when the worker was replaced: %v", code)
				}
				w.Close() // an error: it was handed to the dead worker in its last moment
			}
			s.killAll()
			s.startUp()
			s.checkAll("afterwards")
			s.start()
			remote := s.dialRemote(client.Options{Connections: 1})
			if _, err := remote.Get(context.Background(), sum, 0, -1, discard{}); err != nil {
				r.Errorf("read at the end: %v", err)
			}
			s.mustAnswer()
		})
	}
}

// workerOf finds the worker that serves a connection, by the descriptors of its sockets.
func (s *server) workerOf(w *wire) int {
	s.Helper()
	inode := peerInode(s.round, w)
	for _, worker := range s.ready().Workers {
		if hasSocket(int(worker.Pid), inode) {
			return int(worker.Pid)
		}
	}
	return 0
}

// have asks whether the account holds a content.
func (s *server) have(w *wire, sum proto.Hash) bool {
	s.Helper()
	_, err := w.Write(w.frame(proto.TypeHave, (&proto.Have{Hashes: []proto.Hash{sum}}).Append(nil), nil))
	s.must(err)
	reply, err := w.read()
	s.must(err)
	held, err := proto.ParseHaveReply(reply.header)
	s.must(err)
	return held.Held.Get(0)
}

// replaced tells whether all workers take connections and none of them is the one that was killed.
func (s *server) replaced(victim int) bool {
	st, err := s.status()
	return err == nil && len(st.Workers) == s.workers && !slices.ContainsFunc(st.Workers, func(w control.WorkerStatus) bool {
		return w.State != "ready" || int(w.Pid) == victim
	})
}

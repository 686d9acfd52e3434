package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/internal/proto"
)

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o644) }

// prelude makes a prelude with fields a polite client would not send.
func prelude(kind uint16, header uint32, body uint64) []byte {
	b := append([]byte(proto.Magic), proto.Version, 0)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, header)
	return binary.BigEndian.AppendUint64(b, body)
}

func TestHostileFrames(t *testing.T) {
	s := start(t, t.TempDir())
	rows := []struct {
		name  string
		bytes []byte
		want  proto.Code // OK: closed without a reply
	}{
		{"junk", []byte("\x00\x01\x02\x03\x04\x05junk junk junk junk"), proto.OK},
		{"wrong magic", append([]byte("\xF5SLX"), make([]byte, 20)...), proto.BadPrelude},
		{"wrong version", append([]byte(proto.Magic+"\x09"), make([]byte, 19)...), proto.BadPrelude},
		{"unknown type", prelude(9999, 0, 0), proto.UnknownType},
		{"type 0", prelude(0, 0, 0), proto.UnknownType},
		{"header of 2^32-1", prelude(uint16(proto.TypePing), 1<<32-1, 0), proto.TooLarge},
		{"header over the limit before log-in", prelude(uint16(proto.TypeHello), proto.MaxHeaderBefore+1, 0), proto.TooLarge},
		{"body of 2^64-1", prelude(uint16(proto.TypePing), 0, 1<<64-1), proto.TooLarge},
		{"body where none belongs", prelude(uint16(proto.TypePing), 0, 1), proto.TooLarge},
		{"not JSON", append(prelude(uint16(proto.TypeHello), 5, 0), "hello"...), proto.BadHeader},
		{"not UTF-8", append(prelude(uint16(proto.TypeHello), 8, 0), "{\"a\xff\":1}"...), proto.BadHeader},
		{"empty object", append(prelude(uint16(proto.TypeHello), 2, 0), "{}"...), proto.BadHeader},
		{"doubled", append(prelude(uint16(proto.TypeHello), 43, 0), `{"versions":[1],"versions":[1],"agent":"x"}`...), proto.BadHeader},
		{"unknown field", append(prelude(uint16(proto.TypeHello), 36, 0), `{"versions":[1],"agent":"x","zz":0.}`...), proto.BadHeader},
		{"-1", append(prelude(uint16(proto.TypeHello), 29, 0), `{"versions":[-1],"agent":"x"}`...), proto.BadHeader},
		{"1e3", append(prelude(uint16(proto.TypeHello), 30, 0), `{"versions":[1e0],"agent":"x"}`...), proto.BadHeader},
		{"before log-in", prelude(uint16(proto.TypeQuota), 0, 0), proto.NotLoggedIn},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := s.dial()
			w.t = t
			defer w.close()
			w.send(row.bytes)
			if row.want == proto.OK {
				if !w.ended() {
					t.Error("the server did not close")
				}
			} else if r, err := w.read(); err != nil {
				t.Errorf("no reply: %v", err)
			} else if got := r.code(t); got != row.want {
				t.Errorf("code %v, want %v", got, row.want)
			}
			s.answers()
		})
	}
}

// A header nested ten million deep fits no type; the deepest that fits is refused without using the stack.
func TestDeepNesting(t *testing.T) {
	s := start(t, t.TempDir())
	w := s.login("ann")
	defer w.close()
	deep := []byte(strings.Repeat("[", proto.MaxHeaderBatch))
	w.send(w.frame(proto.TypeHave, deep, nil))
	r, err := w.read()
	if err != nil {
		t.Fatal(err)
	}
	if got := r.code(t); got != proto.BadHeader {
		t.Fatalf("code %v, want %v", got, proto.BadHeader)
	}
	huge := s.dial()
	defer huge.close()
	huge.send(prelude(uint16(proto.TypeHave), 10_000_000, 0))
	huge.send([]byte(strings.Repeat("[", 1<<20)))
	if r, err := huge.read(); err == nil && r.code(t) == proto.OK {
		t.Fatal("ten million brackets were accepted")
	}
	s.answers()
}

// A frame cut at every byte, and one byte at a time, is answered like the whole one.
func TestFrameSplitAnywhere(t *testing.T) {
	s := start(t, t.TempDir())
	frame := func(w *wire) []byte {
		return w.frame(proto.TypeHello, (&proto.Hello{Versions: []uint8{1}, Agent: "split"}).Append(nil), nil)
	}
	probe := s.dial()
	n := len(frame(probe))
	probe.close()
	for cut := 1; cut < n; cut++ {
		w := s.dial()
		b := frame(w)
		w.send(b[:cut])
		time.Sleep(time.Millisecond)
		w.send(b[cut:])
		if r, err := w.read(); err != nil || r.code(t) != proto.OK {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		w.close()
	}
	w := s.dial()
	defer w.close()
	w.conn.(*net.TCPConn).SetNoDelay(true)
	for _, b := range frame(w) {
		w.send([]byte{b})
	}
	if r, err := w.read(); err != nil || r.code(t) != proto.OK {
		t.Fatalf("one byte at a time: %v", err)
	}
	s.answers()
}

// put-objects with a wrong hash fails its entry alone; a chunk whose bytes do not match its value is refused.
func TestWrongBytes(t *testing.T) {
	s := start(t, t.TempDir())
	w := s.login("ann")
	defer w.close()
	bodies := [][]byte{content(1, 1000), content(2, 100<<10), content(3, 300<<10)}
	var objects []proto.Object
	var body []byte
	for _, b := range bodies {
		objects = append(objects, proto.Object{Hash: blake3(b), Size: int64(len(b))})
		body = append(body, b...)
	}
	objects[1].Hash[0] ^= 1
	r := w.ask(proto.TypePutObjects, &proto.PutObjects{Objects: objects}, body)
	reply, err := proto.ParsePutObjectsReply(r.header)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Failed) != 1 || reply.Failed[0].Entry != 1 || reply.Failed[0].Code != proto.HashMismatch {
		t.Fatalf("failed entries %+v, want entry 1 with hash-mismatch", reply.Failed)
	}
	have := w.ask(proto.TypeHave, &proto.Have{Hashes: []proto.Hash{objects[0].Hash, objects[1].Hash, objects[2].Hash}}, nil)
	held, err := proto.ParseHaveReply(have.header)
	if err != nil {
		t.Fatal(err)
	}
	if !held.Held.Get(0) || held.Held.Get(1) || !held.Held.Get(2) {
		t.Fatalf("held: %x, want 0 and 2", held.Held)
	}

	open := w.ask(proto.TypeUploadOpen, &proto.UploadOpen{Key: proto.Key{1}, Size: 9 << 20}, nil)
	upload, err := proto.ParseUploadOpenReply(open.header)
	if err != nil {
		t.Fatal(err)
	}
	chunk := w.ask(proto.TypeUploadChunk, &proto.UploadChunk{Upload: upload.Upload, Index: 1, Value: proto.Hash{9}}, content(4, 1<<20))
	if got := chunk.code(t); got != proto.HashMismatch {
		t.Fatalf("wrong chunk: %v, want hash-mismatch", got)
	}
	seal := w.ask(proto.TypeUploadSeal, &proto.UploadSeal{Key: proto.Key{2}, Upload: upload.Upload, Size: 9 << 20, Hash: proto.Hash{1}}, nil)
	if got := seal.code(t); got == proto.OK {
		t.Fatal("an upload without its chunks was sealed")
	}
	s.answers()
}

// The peer disappears in the middle of everything; descriptors, pipes and connections return to what they were.
func TestPeerGoneAnywhere(t *testing.T) {
	s := start(t, t.TempDir())
	w := s.login("ann")
	big := content(5, 4<<20)
	if r := w.ask(proto.TypePutObjects, &proto.PutObjects{Objects: []proto.Object{{Hash: blake3(big), Size: int64(len(big))}}}, big); r.code(t) != proto.OK {
		t.Fatal("put-objects failed")
	}
	w.close()
	s.settle()
	before := s.descriptors()
	for round := range 40 {
		w := s.login("ann")
		objects := &proto.PutObjects{Objects: []proto.Object{{Hash: blake3(content(uint64(round), 1<<20)), Size: 1 << 20}}}
		frame := w.frame(proto.TypePutObjects, objects.Append(nil), content(uint64(round), 1<<20))
		switch round % 4 {
		case 0: // in mid body up
			w.send(frame[:len(frame)/2])
		case 1: // in mid header
			w.send(frame[:proto.PreludeLen+10])
		case 2: // in mid body down
			w.send(w.frame(proto.TypeGet, (&proto.Get{Hash: blake3(big), Length: -1}).Append(nil), nil))
			w.conn.Read(make([]byte, 1000))
		case 3: // with a job out
			w.send(frame)
		}
		if round%8 < 4 { // reset instead of an end of file
			w.conn.(*net.TCPConn).SetLinger(0)
		}
		w.close()
	}
	s.settle()
	after := s.descriptors()
	for i := range before {
		// Cached descriptors of contents may stay open: bounded, and not one a connection.
		if after[i] > before[i]+16 {
			t.Errorf("worker %d: %d descriptors before, %d after", i, before[i], after[i])
		}
	}
	s.answers()
}

// settle waits until no connection is open.
func (s *server) settle() {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		st, err := s.status()
		if err == nil {
			open := 0
			for _, w := range st.Workers {
				open += w.Connections
			}
			if open == 0 {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("connections are still open: %+v %v", st, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// descriptors counts each worker's open descriptors.
func (s *server) descriptors() []int {
	s.t.Helper()
	st, err := s.status()
	if err != nil {
		s.t.Fatal(err)
	}
	var counts []int
	for _, w := range st.Workers {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.Pid))
		if err != nil {
			s.t.Fatal(err)
		}
		counts = append(counts, len(entries))
	}
	return counts
}

// A worker is killed again and again while eight clients upload: their commands succeed, nothing that was acknowledged
// is missing, and the other worker never notices.
func TestWorkerKilledUnderLoad(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	const clients = 8
	dirs := make([]string, clients)
	for i := range dirs {
		dirs[i] = filepath.Join(m.dir, fmt.Sprint("dir", i))
		for j := range 120 {
			write(t, filepath.Join(dirs[i], fmt.Sprint(j%5), fmt.Sprint(j)), content(uint64(i*1000+j), 500+j*100), 0o644, time.Unix(1, 0))
		}
		write(t, filepath.Join(dirs[i], "large"), content(uint64(9000+i), 20<<20), 0o644, time.Unix(1, 0))
	}
	victim := func() int {
		st, err := s.status()
		if err != nil {
			return 0
		}
		return st.Workers[0].Pid
	}
	other := func() int {
		st, err := s.status()
		must(t, err)
		return st.Workers[1].Pid
	}
	untouched := other()
	done := make(chan struct{})
	var killer sync.WaitGroup
	kills := 0
	killer.Go(func() {
		for kills < 40 {
			select {
			case <-done:
				return
			case <-time.After(60 * time.Millisecond):
				if pid := victim(); pid > 0 {
					syscall.Kill(pid, syscall.SIGKILL)
					kills++
				}
			}
		}
	})
	var pushes sync.WaitGroup
	results := make([]result, clients)
	for i := range dirs {
		pushes.Go(func() { results[i] = m.run("push", dirs[i], fmt.Sprintf("home:dir%d", i)) })
	}
	pushes.Wait()
	close(done)
	killer.Wait()
	for i, r := range results {
		if r.code != 0 {
			t.Errorf("push %d: exit code %d\n%s", i, r.code, r.stderr)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	t.Logf("%d kills", kills)
	for i, dir := range dirs {
		back := filepath.Join(m.dir, fmt.Sprint("back", i))
		m.must("pull", fmt.Sprintf("home:dir%d", i), back)
		same(t, dir, back)
	}
	if now := other(); now != untouched {
		t.Errorf("the other worker was replaced: %d, now %d", untouched, now)
	}
	s.answers()
}

// The parent is killed; its workers leave, and a new server started at once takes over the folder.
func TestParentKilled(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	m := newMachine(t, s, "ann")
	file := filepath.Join(m.dir, "f")
	write(t, file, []byte("kept"), 0o644, time.Unix(1, 0))
	m.must("put", file, "home:f")
	workers := s.workers()
	s.command.Process.Kill()
	<-s.ended
	began := time.Now()
	again := startServer(t, data, "--listen", s.address)
	t.Logf("the new server was ready after %v", time.Since(began))
	s.waitGone(workers, 10*time.Second)
	if out := m.must("cat", "home:f"); out != "kept" {
		t.Fatalf("cat: %q", out)
	}
	again.answers()
}

// A second server on the same folder is refused with what to do.
func TestSecondServerRefused(t *testing.T) {
	s := start(t, t.TempDir())
	c := s.serveCommand()
	out, err := c.CombinedOutput()
	if err == nil {
		t.Fatal("a second server started on the same folder")
	}
	if !strings.Contains(string(out), s.data) {
		t.Errorf("the refusal does not name the folder:\n%s", out)
	}
	s.answers()
}

// Two clients send the same contents at once: both succeed, the bytes are right.
func TestSameContentAtOnce(t *testing.T) {
	s := start(t, t.TempDir())
	m := newMachine(t, s, "ann")
	dir := filepath.Join(m.dir, "dir")
	for i := range 200 {
		write(t, filepath.Join(dir, fmt.Sprint(i)), content(uint64(i), 3000+i), 0o644, time.Unix(1, 0))
	}
	write(t, filepath.Join(dir, "middle"), content(77, 5<<20), 0o644, time.Unix(1, 0))
	write(t, filepath.Join(dir, "large"), content(78, 30<<20), 0o644, time.Unix(1, 0))
	var pushes sync.WaitGroup
	for i := range 4 {
		pushes.Go(func() {
			if r := m.run("push", dir, fmt.Sprintf("home:copy%d", i)); r.code != 0 {
				t.Errorf("push %d: exit code %d\n%s", i, r.code, r.stderr)
			}
		})
	}
	pushes.Wait()
	for i := range 4 {
		back := filepath.Join(m.dir, fmt.Sprint("back", i))
		m.must("pull", fmt.Sprintf("home:copy%d", i), back)
		same(t, dir, back)
	}
	s.answers()
}

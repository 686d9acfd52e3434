package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/db"
	"sluice/internal/proto"
)

// TestBitRot is D8: one bit in each of a hundred contents changes on the disk. A scrub beside the running server finds them
// all and nothing else, none of them is served, and the upload of the right bytes heals each.
func TestBitRot(t *testing.T) {
	t.Parallel()
	r := begin(t)
	s := r.newServer(r.path("data"), 2)
	s.start()
	w := s.dial()
	defer w.Close()
	random := r.random(8)
	rotten, all := r.pick(100, 1000), r.pick(300, 3000)
	var contents [][]byte
	send := func(b []byte) {
		r.Helper()
		put := &proto.PutObjects{Objects: []proto.Object{{Hash: client.Sum(b), Size: int64(len(b))}}}
		_, err := w.Write(w.frame(proto.TypePutObjects, put.Append(nil), b))
		r.must(err)
		r.mustOK(w, "a put")
	}
	for i := range all {
		size := 1 + random.IntN(20_000)
		if i%20 == 0 {
			size = 131_073 + random.IntN(100_000) // a file of its own
		}
		b := make([]byte, size)
		fill(b, r.seed+uint64(i))
		contents = append(contents, b)
		send(b)
	}
	bad := random.Perm(all)[:rotten]
	flipped := make(map[proto.Hash]bool)
	for _, i := range bad {
		at := random.IntN(len(contents[i]))
		r.flip(s.data, client.Sum(contents[i]), int64(at), byte(1)<<random.IntN(8))
		flipped[client.Sum(contents[i])] = true
	}
	s.scrub(rotten, 0)
	s.forgets()
	for _, b := range contents {
		_, err := w.Write(w.frame(proto.TypeGet, (&proto.Get{Hash: client.Sum(b), Length: -1}).Append(nil), nil))
		r.must(err)
		reply, err := w.read()
		r.must(err)
		code, err := reply.code()
		r.must(err)
		switch is := flipped[client.Sum(b)]; {
		case is && (code != proto.Damaged || len(reply.body) > 0):
			r.Errorf("a damaged content is answered with %v and %d bytes", code, len(reply.body))
		case !is && (code != proto.OK || string(reply.body) != string(b)):
			r.Errorf("a sound content is answered with %v and %d bytes of %d", code, len(reply.body), len(b))
		}
	}
	for _, i := range bad {
		send(contents[i])
	}
	s.scrub(0, 0)
	for _, i := range bad {
		r.readBack(w, contents[i])
	}
	s.mustAnswer()
	w.Close()
	s.stop()
	s.startUp() // removes the files of what was healed
	s.checkAll("healed")
	r.Logf("%d of %d contents were damaged and found, refused and healed", rotten, all)
}

// scrub reads everything again beside the server: so many contents are found damaged now, so many were known to be.
func (s *server) scrub(damaged, known int) {
	s.Helper()
	out, code := s.command("scrub", "--limit-rate", "none", "--json")
	want := fmt.Sprintf(`"damaged":%d,"known":%d,`, damaged, known)
	if (code == 0) != (damaged+known == 0) || !strings.Contains(out, want) {
		s.Fatalf("scrub ends with %d: %.300s; wanted %s", code, out, want)
	}
}

// command runs one of the program's commands on the data folder: what it prints, and how it ends.
func (s *server) command(name string, args ...string) (out string, code int) {
	s.Helper()
	c := exec.Command(s.program, append([]string{name, "--data", s.data}, args...)...)
	c.Env = append(os.Environ(), s.env...)
	var complaint strings.Builder
	c.Stderr = &complaint
	raw, err := c.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.Fatalf("%s: %v", name, err)
	}
	if err != nil {
		s.Logf("%s ends with %d: %.500s", name, ended.ExitCode(), complaint.String())
	}
	return string(raw), c.ProcessState.ExitCode()
}

// collect has all collected that nothing names by now.
func (s *server) collect() (out string, code int) {
	s.Helper()
	time.Sleep(1100 * time.Millisecond) // the shortest grace there is
	return s.command("gc", "--grace", "1s", "--json")
}

// forgets waits until no worker believes what it remembers of a content any more: it does for a second.
func (s *server) forgets() { time.Sleep(1100 * time.Millisecond) }

// extent is where a content lies.
func (r *round) extent(data string, hash proto.Hash) (e *db.Extent) {
	r.Helper()
	d, err := db.Open(filepath.Join(data, "sluice.db"), db.Options{ReadOnly: true, Readers: 1})
	r.must(err)
	defer d.Close()
	r.must(d.Read(func(tx *db.Tx) error {
		id, err := tx.ContentByHash(hash[:])
		if err != nil {
			return err
		}
		e, err = tx.Extent(id)
		return err
	}))
	if e == nil {
		r.Fatalf("there is no content %x", hash[:4])
	}
	return e
}

// objectFile is where a content's own file lies.
func objectFile(data string, id int64) string {
	return filepath.Join(data, "objects", fmt.Sprintf("%08x", id>>10), fmt.Sprintf("%016x", id))
}

// flip changes a bit of a content where it lies.
func (r *round) flip(data string, hash proto.Hash, at int64, bit byte) {
	r.Helper()
	e := r.extent(data, hash)
	path := objectFile(data, e.ID)
	if e.Segment != 0 {
		path, at = filepath.Join(data, "segments", fmt.Sprintf("%016x", e.Segment)), at+e.Offset
	}
	r.flipAt(path, at, bit)
}

// flipAt changes a bit of a file.
func (r *round) flipAt(path string, at int64, bit byte) {
	r.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	r.must(err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	r.must(err)
	_, err = f.WriteAt([]byte{b[0] ^ bit}, at)
	r.must(err)
}

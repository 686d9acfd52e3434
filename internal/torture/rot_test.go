package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	scrub := func(clean bool, want string) {
		r.Helper()
		out, err := exec.Command(program(r.T, "real"), "scrub", "--limit-rate", "none", "--json", "--data", s.data).Output()
		if (err == nil) != clean || !strings.Contains(string(out), want) {
			r.Fatalf("scrub: %v: %.300s; wanted %s", err, out, want)
		}
	}
	scrub(false, `"damaged":`+strconv.Itoa(rotten)+`,`)
	time.Sleep(1100 * time.Millisecond) // what a worker remembers is believed for a second
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
	scrub(true, `"damaged":0,"known":0,`)
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

// flip changes a bit of a content where it lies.
func (r *round) flip(data string, hash proto.Hash, at int64, bit byte) {
	r.Helper()
	d, err := db.Open(filepath.Join(data, "sluice.db"), db.Options{ReadOnly: true, Readers: 1})
	r.must(err)
	defer d.Close()
	var e *db.Extent
	r.must(d.Read(func(tx *db.Tx) error {
		id, err := tx.ContentByHash(hash[:])
		if err != nil {
			return err
		}
		e, err = tx.Extent(id)
		return err
	}))
	path := filepath.Join(data, "objects", fmt.Sprintf("%08x", e.ID>>10), fmt.Sprintf("%016x", e.ID))
	if e.Segment != 0 {
		path, at = filepath.Join(data, "segments", fmt.Sprintf("%016x", e.Segment)), at+e.Offset
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	r.must(err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	r.must(err)
	_, err = f.WriteAt([]byte{b[0] ^ bit}, at)
	r.must(err)
}

package torture

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/db"
	"sluice/internal/proto"
)

// TestBitRotByWay is D8 for contents that came to lie where they lie by another way than a put: in chunks, as a changed version of
// another one, copied by the collector; and for those that only the past or the trash names. A scrub finds each, nothing is
// made of their bytes, the check marks what is lost, and an upload heals each.
func TestBitRotByWay(t *testing.T) {
	t.Parallel()
	r := begin(t)
	k := &keep{server: r.newServer(r.path("data"), 1), random: r.random(8)} // with hours of grace: nothing is collected beside this
	k.start()
	k.remote = k.dialRemote(client.Options{Connections: 2})
	many := r.pick(1, 12) // of each way

	// The collector copies what lives among the dead; but not what has rotted there, nor is the segment removed.
	moved := k.amongDead("moved", 4*many)
	k.stop()
	k.start()
	stuck := k.amongDead("stuck", 4*many)
	sour := stuck[0]
	k.rot(sour)
	k.stop()
	from := r.extent(k.data, moved[0].hash).Segment
	before := r.extent(k.data, sour.hash)
	out, code := k.collect()
	if now := r.extent(k.data, moved[0].hash); now.Segment == from || now.Segment == 0 {
		r.Fatalf("a living content was not moved: it lies in segment %x", now.Segment)
	}
	if now := r.extent(k.data, sour.hash); now.Segment != before.Segment || now.Offset != before.Offset {
		r.Errorf("a content that has rotted was moved from %x, %d to %x, %d", before.Segment, before.Offset, now.Segment, now.Offset)
	}
	if code != 0 || !strings.Contains(out, `"segments":1,`) {
		r.Fatalf("gc ends with %d: %s", code, out)
	}
	k.start()

	// Large ones, of which later versions are made, so that they are past themselves; some of those go into the trash.
	all, bad := slices.Concat(moved, stuck), slices.Concat(stuck[:1], moved[:many])
	for i := range many {
		first := k.large(fmt.Sprintf("large%d", i), client.ChunkSize+1<<20, nil)
		second := k.large(first.name, 0, first)
		third := k.large(fmt.Sprintf("trashed%d", i), 0, second)
		sound := k.large(fmt.Sprintf("large, sound%d", i), client.ChunkSize+1, nil)
		k.delete(third)
		small, later := k.small(fmt.Sprintf("small%d", i)), k.small(fmt.Sprintf("small%d", i))
		gone := k.small(fmt.Sprintf("small, trashed%d", i))
		k.delete(gone)
		all = append(all, first, second, third, sound, small, later, gone)
		bad = append(bad, first, second, third, small, gone)
	}
	for _, one := range bad[1:] {
		k.rot(one)
	}
	// Nobody knows yet. What a newer version is put together of is compared all the same.
	all = append(all, k.large("of rotten ones", 0, bad[len(bad)-4]))
	// An upload that is not complete has its chunks read by the check alone, which has it ask for the bad one again.
	arriving := k.arrive(r.pick(1, 4))

	k.scrub(len(bad), 0)
	k.scrub(0, len(bad))
	k.forgets()
	k.compare(all, bad)
	all = append(all, k.large("of damaged ones", 0, bad[len(bad)-4]))
	for _, one := range bad { // its name comes back, its bytes do not
		if one.deleted > 0 {
			_, err := k.remote.Restore(context.Background(), client.RestoreRequest{Trash: one.deleted})
			r.must(err)
		}
	}
	k.compare(all, bad)

	// The check: a file that is gone, one that ends early, one that nothing names.
	lost, short := all[len(all)-1], all[len(all)-2]
	r.must(os.Remove(objectFile(k.data, r.extent(k.data, lost.hash).ID)))
	r.must(os.Truncate(objectFile(k.data, r.extent(k.data, short.hash).ID), 4<<20))
	stray := objectFile(k.data, 3) // of a life that never was
	r.must(os.MkdirAll(filepath.Dir(stray), 0o700))
	r.must(os.WriteFile(stray, []byte("stray"), 0o600))
	out, _ = k.command("fsck", "--bytes", "--repair", "--json")
	for kind, n := range map[string]int{"damaged": len(bad), "missing-file": 1, "short-file": 1, "no-row": 1, "bytes": arriving.chunks} {
		if found := strings.Count(out, `"kind":"`+kind+`"`); found != n {
			r.Errorf("the check tells of %d findings %q, and not %d:\n%.3000s", found, kind, n, out)
		}
	}
	if b, err := os.ReadFile(filepath.Join(k.data, "quarantine/objects/00000000", filepath.Base(stray))); err != nil || string(b) != "stray" {
		r.Errorf("what nothing names is not in the quarantine: %q %v", b, err)
	}
	bad = append(bad, lost, short)
	k.forgets()
	k.compare(all, bad)

	for _, one := range bad {
		if got := k.send(one.content, nil); got.Hash != one.hash {
			r.Errorf("%s is healed as %x", one.name, got.Hash[:4])
		}
	}
	all = append(all, arriving.finish(k)...)
	k.compare(all, nil)
	k.scrub(0, 0)
	k.stop()
	k.startUp() // removes the files of what was healed
	if out, code := k.collect(); code != 0 || !strings.Contains(out, `"segments":1,`) {
		r.Errorf("gc, when the rotten one in a segment is healed, ends with %d: %s", code, out)
	}
	c := k.checkAll("healed")
	k.start()
	k.compare(all, nil)
	k.mustAnswer()
	r.Logf("%d of %d contents were damaged and found, refused and healed; %d chunks of uploads that were not complete; %v", len(bad), len(all), arriving.chunks, c)
}

// keep is a server whose contents are known.
type keep struct {
	*server
	remote *client.Remote
	random *rand.Rand
	made   uint64
}

// kept is a content that was put under a name.
type kept struct {
	name    string
	content []byte
	hash    client.Hash
	node    int64
	version int64
	deleted int64 // the number of its delete; 0: its name stands
}

func (k *keep) body(size int) []byte {
	b := make([]byte, size)
	k.made++
	fill(b, k.seed<<20+k.made)
	return b
}

// put gives contents that are there names.
func (k *keep) put(all ...*kept) {
	k.Helper()
	q := &client.CommitRequest{}
	for _, one := range all {
		one.hash = client.Sum(one.content)
		q.Changes = append(q.Changes, client.Change{Op: client.OpPut, Kind: client.KindFile, Parent: client.Place{Node: k.remote.Hello().Root}, Name: one.name,
			Hash: one.hash, Size: int64(len(one.content)), Mode: 0o644, Expect: client.ExpectAny})
	}
	for i, e := range k.commit(q) {
		all[i].node, all[i].version = e.Node, e.Version
	}
}

func (k *keep) delete(all ...*kept) {
	k.Helper()
	q := &client.CommitRequest{}
	for _, one := range all {
		q.Changes = append(q.Changes, client.Change{Op: client.OpDelete, Node: one.node, Expect: one.version})
	}
	for i, e := range k.commit(q) {
		all[i].deleted = e.Version
	}
}

func (k *keep) commit(q *client.CommitRequest) []client.Changed {
	k.Helper()
	reply, err := k.remote.Commit(context.Background(), q)
	k.must(err)
	for i, e := range reply.Entries {
		if e.Code != client.OK {
			k.Fatalf("commit, change %d: %v", i, e.Code)
		}
	}
	return reply.Entries
}

// send uploads a content, as a newer version of another one if there is one.
func (k *keep) send(b []byte, older *kept) client.Uploaded {
	k.Helper()
	o := client.UploadOptions{}
	if older != nil {
		o.Older = client.Known{Hash: older.hash, Size: int64(len(older.content))}
	}
	done, err := k.remote.Upload(context.Background(), k.fileOf(b), int64(len(b)), o)
	k.must(err)
	return done
}

// small puts a content that lies in a segment.
func (k *keep) small(name string) *kept {
	k.Helper()
	one := &kept{name: name, content: k.body(1 + k.random.IntN(20_000))}
	k.send(one.content, nil)
	k.put(one)
	return one
}

// large puts a content that comes in chunks, or a changed version of one, which the server puts together.
func (k *keep) large(name string, size int, older *kept) *kept {
	k.Helper()
	one := &kept{name: name}
	if older == nil {
		one.content = k.body(size)
	} else {
		one.content = bytes.Clone(older.content)
		at := k.random.IntN(len(one.content) - 100_000)
		fill(one.content[at:at+50_000], k.random.Uint64())
	}
	k.send(one.content, older)
	k.put(one)
	return one
}

// amongDead puts so many contents into a segment most of which is dead.
func (k *keep) amongDead(name string, count int) []*kept {
	k.Helper()
	var living, dead []*kept
	for i := range 4 * count {
		one := &kept{name: fmt.Sprint(name, i), content: k.body(60<<10 + k.random.IntN(60<<10))}
		k.send(one.content, nil)
		if i%4 == 0 {
			living = append(living, one)
		} else {
			dead = append(dead, one)
		}
	}
	k.put(append(dead, living...)...)
	k.delete(dead...)
	n, err := k.remote.TrashEmpty(context.Background(), time.Now().UnixNano(), false)
	k.must(err)
	if int(n) != len(dead) {
		k.Fatalf("%d names went with the trash, and not %d", n, len(dead))
	}
	return living
}

// rot changes a bit of a content.
func (k *keep) rot(one *kept) {
	k.Helper()
	k.flip(k.data, one.hash, int64(k.random.IntN(len(one.content))), byte(1)<<k.random.IntN(8))
}

// compare reads all, whole and from some offset on: those that are bad must be refused as damaged, with no byte of them.
func (k *keep) compare(all, bad []*kept) {
	k.Helper()
	refused := make(map[client.Hash]bool)
	for _, one := range bad {
		refused[one.hash] = true
	}
	for _, one := range slices.Concat(all, bad) {
		for _, from := range []int64{0, int64(k.random.IntN(len(one.content)))} {
			var got bytes.Buffer
			_, err := k.remote.Get(context.Background(), one.hash, from, -1, &got)
			switch code := client.CodeOf(err); {
			case refused[one.hash] && (code != proto.Damaged || got.Len() > 0):
				k.Errorf("%s, damaged: %d bytes from %d on, %v", one.name, got.Len(), from, err)
			case !refused[one.hash] && (err != nil || !bytes.Equal(got.Bytes(), one.content[from:])):
				k.Errorf("%s, sound: %d bytes of %d, %v", one.name, got.Len(), int64(len(one.content))-from, err)
			}
		}
	}
	if k.Failed() {
		k.FailNow()
	}
}

// uploadFile is where the chunks of an upload lie.
func (s *server) uploadFile(upload int64) (path string) {
	s.Helper()
	d, err := db.Open(filepath.Join(s.data, "sluice.db"), db.Options{ReadOnly: true, Readers: 1})
	s.must(err)
	defer d.Close()
	s.must(d.Read(func(tx *db.Tx) error {
		all, err := tx.Uploads()
		for _, u := range all {
			if u.ID == upload {
				path = objectFile(s.data, u.Content)
			}
		}
		return err
	}))
	return path
}

// arrivals are uploads of which one chunk has arrived, and rotted.
type arrivals struct {
	contents [][]byte
	uploads  []int64
	wires    []*wire
	chunks   int
}

func (k *keep) arrive(count int) *arrivals {
	k.Helper()
	a := &arrivals{chunks: count}
	for i := range count {
		b := k.body(client.ChunkSize + 100)
		w := k.dial()
		_, err := w.Write(w.frame(proto.TypeUploadOpen, (&proto.UploadOpen{Key: proto.Key{1, byte(i)}, Size: int64(len(b))}).Append(nil), nil))
		k.must(err)
		reply, err := w.read()
		k.must(err)
		opened, err := proto.ParseUploadOpenReply(reply.header)
		k.must(err)
		a.contents, a.uploads, a.wires = append(a.contents, b), append(a.uploads, opened.Upload), append(a.wires, w)
		a.chunk(k, i, 0)
		k.flipAt(k.uploadFile(opened.Upload), int64(k.random.IntN(client.ChunkSize)), 1)
	}
	return a
}

func (a *arrivals) chunk(k *keep, i int, index int64) {
	k.Helper()
	b := a.contents[i][index*client.ChunkSize : min(int64(len(a.contents[i])), (index+1)*client.ChunkSize)]
	code, err := a.wires[i].ask(proto.TypeUploadChunk, chunkOf(a.uploads[i], index, a.contents[i]), b)
	k.must(err)
	if code != proto.OK {
		k.Fatalf("chunk %d: %v", index, code)
	}
}

// finish brings both chunks. The first is taken only where it is known not to be there any more.
func (a *arrivals) finish(k *keep) (all []*kept) {
	k.Helper()
	for i, b := range a.contents {
		a.chunk(k, i, 0)
		a.chunk(k, i, 1)
		one := &kept{name: fmt.Sprint("arrived", i), content: b}
		code, err := a.wires[i].ask(proto.TypeUploadSeal,
			&proto.UploadSeal{Key: proto.Key{2, byte(i)}, Upload: a.uploads[i], Size: int64(len(b)), Hash: client.Sum(b)}, nil)
		k.must(err)
		if code != proto.OK {
			k.Fatalf("seal: %v", code)
		}
		a.wires[i].Close()
		k.put(one)
		all = append(all, one)
	}
	return all
}

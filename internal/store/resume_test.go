package store

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/hash"
)

// foundReply tells the number, and whether the upload was found.
func foundReply(upload int64, found bool) []byte {
	if found {
		return strconv.AppendInt([]byte("found "), upload, 10)
	}
	return strconv.AppendInt([]byte("new "), upload, 10)
}

// chunks sends some chunks of a content.
func chunks(t testing.TB, s *Store, w Who, upload int64, content []byte, which ...int64) {
	t.Helper()
	for _, i := range which {
		must(t, chunk(s, w, upload, i, content))
	}
}

func TestUploadIsFoundAgain(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s, other := openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	content := bytesOf(4, 2*ChunkSize+10)
	size := int64(len(content))
	open := opening(content, size)
	open.Label = "an image"
	ask := func(s *Store, w Who, o Opening) string {
		t.Helper()
		raw, err := s.UploadOpen(w, newOnce(12), o, foundReply)
		must(t, err)
		return string(raw)
	}
	with := func(change func(o *Opening)) Opening {
		o := open
		probe := *open.Probe
		o.Probe = &probe
		change(&o)
		return o
	}
	if got := ask(s, ann, open); got != "new 1" {
		t.Error(got)
	}
	laptop := ann
	laptop.Device++ // another device, on another worker
	for _, c := range []struct {
		name string
		who  Who
		open Opening
		want string
	}{
		{"the same", laptop, open, "found 1"},
		{"another account", bob, open, "new 2"},
		{"another size", ann, with(func(o *Opening) { o.Size-- }), "new 3"},
		{"another head", ann, with(func(o *Opening) { o.Probe.Head[0]++ }), "new 4"},
		{"another middle", ann, with(func(o *Opening) { o.Probe.Middle[0]++ }), "new 5"},
		{"another tail", ann, with(func(o *Opening) { o.Probe.Tail[0]++ }), "new 6"},
		{"no probe", ann, with(func(o *Opening) { o.Probe = nil }), "new 7"},
		{"one of its own", ann, with(func(o *Opening) { o.Own = true }), "new 8"},
		{"the oldest", ann, open, "found 1"},
		{"none up to the first", ann, with(func(o *Opening) { o.After = 1 }), "found 8"},
		{"none of those there are", ann, with(func(o *Opening) { o.After = 8 }), "new 9"},
	} {
		if got := ask(other, c.who, c.open); got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
	}
	chunks(t, other, ann, 1, content, 2)
	all, more, err := s.Uploads(ann, 0, 3)
	if err != nil || !more || len(all) != 3 || all[0].Upload != 1 || all[0].Present != 10 || all[0].Size != size || all[0].Label != "an image" {
		t.Errorf("%+v, %v, %v", all, more, err)
	}
	if all, more, _ = s.Uploads(ann, 8, 3); len(all) != 1 || more || all[0].Upload != 9 {
		t.Errorf("%+v, %v", all, more)
	}
	// What is sealed is found as a content, and not as an upload.
	chunks(t, s, laptop, 1, content, 0, 1)
	_, err = s.UploadSeal(ann, newOnce(14), 1, size, hash.Sum(content), nil)
	must(t, err)
	if got := ask(s, ann, open); got != "found 8" {
		t.Error(got)
	}
	audit(t, data, true)
}

// Devices that begin the same at once fill one upload, and one of them seals it.
func TestUploadsBegunAtOnce(t *testing.T) {
	data := newFolder(t, 0)
	stores := []*Store{openSlot(t, data, 0, nil), openSlot(t, data, 1, nil)}
	w := account(t, stores[0], "ann")
	content := bytesOf(4, ChunkSize+10)
	open := opening(content, int64(len(content)))
	var group sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		group.Go(func() {
			raw, err := stores[i%2].UploadOpen(w, newOnce(12), open, foundReply)
			if err != nil {
				t.Error(err)
			}
			answers[i] = string(raw)
		})
	}
	group.Wait()
	slices.Sort(answers)
	if answers[0] != "found 1" || answers[6] != "found 1" || answers[7] != "new 1" {
		t.Error(answers)
	}
	if held := usage(t, stores[0], w); held != open.Size {
		t.Errorf("charged %d", held)
	}
	audit(t, data, true)

	chunks(t, stores[0], w, 1, content, 0)
	chunks(t, stores[1], w, 1, content, 1)
	outcomes := make([]error, 4)
	for i := range outcomes {
		group.Go(func() {
			for {
				_, err := stores[i%2].UploadSeal(w, newOnce(14), 1, open.Size, hash.Sum(content), nil)
				if !errors.Is(err, ErrBusy) {
					outcomes[i] = err
					return
				}
			}
		})
	}
	group.Wait()
	sealed := 0
	for _, err := range outcomes {
		if err == nil {
			sealed++
		} else if err != ErrNotFound {
			t.Error(err)
		}
	}
	if sealed != 1 {
		t.Errorf("sealed %d times", sealed)
	}
	wantContents(t, stores[1], w, content)
	if held := usage(t, stores[0], w); held != open.Size {
		t.Errorf("charged %d", held)
	}
	audit(t, data, true)
}

func TestUploadCancel(t *testing.T) {
	data := newFolder(t, 0)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	ann, bob := account(t, s, "ann"), account(t, s, "bob")
	content := bytesOf(4, 2*ChunkSize)
	u := openUpload(t, s, ann, int64(len(content)))
	chunks(t, s, ann, u, content, 1)
	c, err := s.ChunkBegin(ann, u, 0, ChunkSize, hash.ChunkValue(content[:ChunkSize], 0)) // on its way
	must(t, err)
	for _, who := range []Who{bob, {}} {
		if _, err := s.UploadCancel(who, newOnce(32), u, nil); err != ErrNotFound {
			t.Errorf("%s: %v", who.Name, err)
		}
	}
	once := newOnce(32)
	for range 2 { // the second is a repetition
		if raw, err := s.UploadCancel(ann, once, u, []byte("done")); err != nil || string(raw) != "done" {
			t.Fatal(string(raw), err)
		}
	}
	if _, err := s.UploadCancel(ann, newOnce(32), u, nil); err != ErrNotFound {
		t.Error(err)
	}
	must(t, fill([]Piece{c.Piece()}, content[:ChunkSize]))
	if err := c.Finish(); err != ErrNotFound {
		t.Errorf("a chunk that was on its way: %v", err)
	}
	if held := usage(t, s, ann); held != 0 {
		t.Errorf("charged %d", held)
	}
	if n := filesOpen(t, data); n != 0 {
		t.Errorf("%d files open", n)
	}
	audit(t, data, true)
}

// A sparse upload takes room as its chunks come.
func TestSparseUpload(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	content := bytesOf(4, 2*ChunkSize+10)
	size := int64(len(content))
	u, err := number(s.UploadOpen(w, newOnce(12), Opening{Size: size, Sparse: true}, numberReply))
	must(t, err)
	c, err := s.ChunkBegin(w, u, 1, ChunkSize, hash.ChunkValue(content[ChunkSize:2*ChunkSize], 1))
	must(t, err)
	c.Abort()
	file := s.folder.object(c.upload.Content)
	chunks(t, s, w, u, content, 1)
	var st unix.Stat_t
	must(t, unix.Stat(file, &st))
	if taken := st.Blocks * 512; st.Size != size || taken > ChunkSize+1<<20 {
		t.Errorf("%d bytes long, %d taken", st.Size, taken)
	}
	chunks(t, s, w, u, content, 0, 2)
	_, err = s.UploadSeal(w, newOnce(14), u, size, hash.Sum(content), nil)
	must(t, err)
	wantContents(t, s, w, content)
	audit(t, data, true)
}

// While the disk is short of space the uploads that were left alone longest are given up, one after another.
func TestRelieve(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	for range 4 {
		openUpload(t, s, w, ChunkSize+1)
	}
	left := func() (all string) {
		t.Helper()
		list, _, err := s.Uploads(w, 0, 10)
		must(t, err)
		for _, u := range list {
			all += strconv.FormatInt(u.Upload, 10)
		}
		return all
	}
	always := func() bool { return true }
	later := time.Now().Add(partialSpared + time.Second)
	s.relieve(t.Context(), later, func() bool { return false })
	s.relieve(t.Context(), time.Now(), always)
	if left() != "1234" {
		t.Errorf("left %s: the disk is not short of space, or somebody is at work", left())
	}
	content := bytesOf(1, ChunkSize+1)
	chunks(t, s, w, 1, content, 1) // touched last
	s.relieve(t.Context(), later, func() bool { return len(left()) > 2 })
	if left() != "14" {
		t.Errorf("left %s", left())
	}
	c, err := s.ChunkBegin(w, 4, 0, ChunkSize, hash.ChunkValue(content[:ChunkSize], 0)) // being written this very moment
	must(t, err)
	s.relieve(t.Context(), later, always)
	c.Abort()
	if left() != "4" {
		t.Errorf("left %s", left())
	}
	objects, _ := stored(t, data)
	if held := usage(t, s, w); held != ChunkSize+1 || objects != 1 {
		t.Errorf("charged %d, %d files", held, objects)
	}
	audit(t, data, true)
}

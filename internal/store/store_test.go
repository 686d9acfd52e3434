package store

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// TestMain runs the part of a child that is killed half-way, when asked to.
func TestMain(m *testing.M) {
	if os.Getenv(killAt) != "" {
		dieAt(os.Getenv(killAt), os.Getenv(killFolder), os.Getenv(killDoing))
		os.Exit(1) // it should not have come so far
	}
	os.Exit(m.Run())
}

// newFolder makes a data folder with one account.
func newFolder(t testing.TB, quota int64) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := StartUp(data, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	addAccount(t, data, "ann", quota)
	return data
}

// addAccount adds an account without the cost of a password.
func addAccount(t testing.TB, data, name string, quota int64) {
	t.Helper()
	d, err := db.Open(folder(data).database(), db.Options{Gate: folder(data).gate()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Write(func(tx *db.Tx) error { return tx.InsertAccount([]byte(name), "none", quota, newEpoch(), now()) })
	if err != nil {
		t.Fatal(err)
	}
}

// openSlot opens a worker's store, closed at the test's end.
func openSlot(t testing.TB, data string, slot int, step func(string) error) *Store {
	t.Helper()
	s, err := Open(Config{Data: data, Slot: slot, step: step, Log: func(level, msg string, err error) {
		t.Logf("%s: %s: %v", level, msg, err)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func account(t testing.TB, s *Store, name string) Who {
	t.Helper()
	var w Who
	err := s.read(func(tx *db.Tx) error {
		a, err := tx.AccountByName([]byte(name))
		if err != nil {
			return err
		}
		home, err := tx.Namespace(a.Namespace)
		w = Who{Account: a.ID, Namespace: a.Namespace, Root: home.Root, Name: name}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// bytesOf makes bytes that are the same for the same seed.
func bytesOf(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := mathrand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(b)
	return b
}

// put sends contents as a client's batch, in memory or through the pieces.
func put(s *Store, w Who, contents ...[]byte) (map[int]error, error) {
	hashes := make([][32]byte, len(contents))
	for i, c := range contents {
		hashes[i] = hash.Sum(c)
	}
	return putAs(s, w, hashes, contents...)
}

func putAs(s *Store, w Who, hashes [][32]byte, contents ...[]byte) (map[int]error, error) {
	sizes := make([]int64, len(contents))
	var body []byte
	for i, c := range contents {
		sizes[i] = int64(len(c))
		body = append(body, c...)
	}
	in, err := s.ObjectsBegin(w, hashes, sizes)
	if err != nil {
		return nil, err
	}
	if in.Pieces() == nil {
		return in.Finish(body)
	}
	if err := fill(in.Pieces(), body); err != nil {
		in.Abort()
		return nil, err
	}
	return in.Finish(nil)
}

func fill(pieces []Piece, body []byte) error {
	for _, p := range pieces {
		if int64(len(body)) < p.Length {
			return errors.New("pieces longer than the body")
		}
		if err := writeAt(p.FD, body[:p.Length], p.Offset); err != nil {
			return err
		}
		body = body[p.Length:]
	}
	if len(body) > 0 {
		return errors.New("pieces shorter than the body")
	}
	return nil
}

// get reads a whole content.
func get(s *Store, w Who, h [32]byte) ([]byte, error) {
	l, err := s.Find(w, h)
	if err != nil {
		return nil, err
	}
	f, err := l.Open()
	if err != nil {
		return nil, err
	}
	defer f.Release()
	b := make([]byte, l.Size)
	if err := f.ReadAt(b, 0); err != nil {
		return nil, err
	}
	if hash.Sum(b) != h {
		return nil, errors.New("other bytes than the hash's")
	}
	return b, nil
}

func wantContents(t testing.TB, s *Store, w Who, contents ...[]byte) {
	t.Helper()
	for i, c := range contents {
		if b, err := get(s, w, hash.Sum(c)); err != nil || len(b) != len(c) {
			t.Errorf("content %d of %d bytes: %d bytes, %v", i, len(c), len(b), err)
		}
	}
}

// usage gives what the account is charged for uploads.
func usage(t testing.TB, s *Store, w Who) int64 {
	t.Helper()
	_, held, _, err := s.Usage(w)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// descriptors counts this process's open descriptors.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// filesOpen counts this process's descriptors of a data folder's contents.
func filesOpen(t testing.TB, data string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	n := 0
	for _, e := range entries {
		path, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if strings.HasPrefix(path, folder(data).objects()) || strings.HasPrefix(path, folder(data).segments()) {
			n++
		}
	}
	return n
}

// audit compares database and files both ways: every complete content is there whole and is what its hash says, every file
// has its row, every charge has its cause. No request is under way; atWork: stores are open, and a segment without row may
// still be somebody's.
func audit(t testing.TB, data string, atWork bool) {
	t.Helper()
	report, err := Fsck(context.Background(), FsckConfig{Data: data, Bytes: true, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		t.Errorf("audit: %s", f)
	}
	segments, err := numbered(folder(data).segments(), 0, 1<<62)
	if n := int64(len(segments)); err != nil || !atWork && n != report.Rows.Segments {
		t.Errorf("audit: %d segments, %d rows (%v)", n, report.Rows.Segments, err)
	}
}

// newOnce makes a mark no other request has.
func newOnce(kind uint16) Once {
	o := Once{Type: kind}
	rand.Read(o.Key[:])
	return o
}

// openUpload opens an upload and gives its number.
func openUpload(t testing.TB, s *Store, w Who, size int64) int64 {
	t.Helper()
	raw, err := s.UploadOpen(w, newOnce(12), Opening{Size: size}, numberReply)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func numberReply(upload int64, _ bool) []byte { return strconv.AppendInt(nil, upload, 10) }

// chunk sends one chunk of a content.
func chunk(s *Store, w Who, upload, index int64, content []byte) error {
	b := content[index*ChunkSize:]
	b = b[:min(len(b), ChunkSize)]
	c, err := s.ChunkBegin(w, upload, index, int64(len(b)), hash.ChunkValue(b, index))
	if err != nil {
		return err
	}
	if c.Present() {
		return c.Finish()
	}
	if err := fill([]Piece{c.Piece()}, b); err != nil {
		c.Abort()
		return err
	}
	return c.Finish()
}

package store

import (
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
	f := folder(data)
	d, err := db.Open(f.database(), db.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	named := make(map[string]bool)
	err = d.Read(func(tx *db.Tx) error {
		table := db.TableOf(tx)
		err := table.Rows(`SELECT id, ifnull(hash, X''), size, complete, ifnull(segment, 0), offset, refs,
			(SELECT count(*) FROM hold WHERE content = c.id) + (SELECT count(*) FROM node WHERE content = c.id)
			+ (SELECT count(*) FROM past WHERE content = c.id) + (SELECT count(*) FROM upload WHERE content = c.id)
			FROM content AS c`, nil, func(r *db.Row) error {
			var id, size, segment, offset, refs, counted int64
			var complete bool
			var sum []byte
			if err := r.Scan(&id, &sum, &size, &complete, &segment, &offset, &refs, &counted); err != nil {
				return err
			}
			path := f.object(id)
			if segment != 0 {
				path = f.segment(segment)
			}
			named[path] = true
			if refs != counted {
				t.Errorf("content %x: refs %d, counted %d", id, refs, counted)
			}
			if complete {
				checkContent(t, path, sum, size, offset)
			} else if !there(path) {
				t.Errorf("upload's file %s is missing", path)
			}
			if !complete && counted == 0 {
				t.Errorf("content %x is unfinished and nobody's", id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		segments, err := tx.Segments()
		if err != nil {
			return err
		}
		for _, n := range segments {
			named[f.segment(n)] = true
			if !there(f.segment(n)) {
				t.Errorf("segment %x is missing", n)
			}
		}
		return table.Rows(`SELECT id, held, (SELECT ifnull(sum(bytes), 0) FROM hold WHERE account = a.id)
			+ (SELECT ifnull(sum(charged), 0) FROM upload WHERE account = a.id) FROM account AS a`, nil, func(r *db.Row) error {
			var id, held, counted int64
			err := r.Scan(&id, &held, &counted)
			if held != counted {
				t.Errorf("account %d is charged %d for %d bytes", id, held, counted)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	dirs := []string{f.objects(), f.segments()}
	if atWork {
		dirs = dirs[:1]
	}
	for _, dir := range dirs {
		filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && !named[path] {
				t.Errorf("file %s has no row", path)
			}
			return err
		})
	}
}

func checkContent(t testing.TB, path string, sum []byte, size, offset int64) {
	t.Helper()
	if size == 0 {
		return
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Errorf("open %s: %v", path, err)
		return
	}
	defer unix.Close(fd)
	got, _, err := hash.SumReader(&stretch{fd, offset, offset + size})
	if err != nil || string(got[:]) != string(sum) {
		t.Errorf("%s from %d, %d bytes: not what the hash says (%v)", path, offset, size, err)
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
	raw, err := s.UploadOpen(w, newOnce(12), size, numberReply)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func numberReply(upload int64) []byte { return strconv.AppendInt(nil, upload, 10) }

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

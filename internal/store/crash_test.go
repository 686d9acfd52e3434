package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
	"sluice/internal/proof"
)

// The environment of a child that kills itself.
const (
	killAt     = "STORE_TEST_KILL_AT"     // the step, or step#n for its n-th time
	killFolder = "STORE_TEST_KILL_FOLDER" // the data folder
	killDoing  = "STORE_TEST_KILL_DOING"  // what to do meanwhile
)

// doings are what a child does until it is killed. Each can be repeated after a crash by another process, and says
// whether its content is kept for good then.
var doings = map[string]func(s *Store, w Who) error{
	"small": func(s *Store, w Who) error {
		_, err := put(s, w, bytesOf(11, 3000), bytesOf(12, 5000))
		return err
	},
	"mixed": func(s *Store, w Who) error {
		_, err := put(s, w, bytesOf(13, 100<<10), bytesOf(14, 300<<10), bytesOf(15, 10))
		return err
	},
	"upload": func(s *Store, w Who) error {
		return uploadWhole(s, w, 1, bytesOf(16, ChunkSize+99), int64(ChunkSize+99))
	},
	"open": func(s *Store, w Who) error { return uploadWhole(s, w, 2, bytesOf(17, 4000), -1) },
	"twin": func(s *Store, w Who) error { // there already, by another way
		if _, err := put(s, w, bytesOf(18, 9000)); err != nil {
			return err
		}
		return uploadWhole(s, w, 3, bytesOf(18, 9000), 9000)
	},
	"assemble": func(s *Store, w Who) error {
		u, err := number(s.UploadOpen(w, Once{Key: [16]byte{5}, Type: 12}, Opening{Size: int64(len(assembled)), Sparse: true}, numberReply))
		if err != nil {
			return err
		}
		ranges := []Range{{Kind: Literal, Length: 5000}, {Kind: Zero, Length: 100 << 10}, {Kind: Literal, Length: 7000}}
		err = assemble(s, w, u, 0, hash.ChunkValue(assembled, 0), nil, ranges, slices.Concat(assembled[:5000], assembled[len(assembled)-7000:]))
		if err != nil && err != ErrNotFound { // sealed before the crash
			return err
		}
		_, err = s.UploadSeal(w, Once{Key: [16]byte{5, 1}, Type: 14}, u, int64(len(assembled)), hash.Sum(assembled), []byte("sealed"))
		return err
	},
	"prove": func(s *Store, w Who) error { // what another has uploaded
		other := Who{Account: 2, Namespace: 2}
		err := s.db.Write(func(tx *db.Tx) error {
			if there, err := tx.AccountByName([]byte("bob")); err != nil || there != nil {
				return err
			}
			return tx.InsertAccount([]byte("bob"), "none", 0, newEpoch(), now())
		})
		if err != nil {
			return err
		}
		content := bytesOf(19, proof.Least+3)
		if _, err := put(s, other, content); err != nil {
			return err
		}
		p := Possession{Hash: hash.Sum(content), Size: int64(len(content))}
		p.Nonce = s.Challenge(w, p.Hash, p.Size)
		c := proof.Challenge{Nonce: p.Nonce, Server: s.ServerID(), Account: w.Name, Hash: p.Hash, Size: p.Size}
		if p.Tags, err = c.Tags(bytes.NewReader(content)); err != nil {
			return err
		}
		linked, err := s.Prove(w, []Possession{p})
		if err == nil && !linked[0] {
			err = errors.New("not linked")
		}
		return err
	},
	"found": func(s *Store, w Who) error { // by another device, which goes on with it
		content := bytesOf(23, ChunkSize+99)
		u, err := number(s.UploadOpen(w, Once{Key: [16]byte{5}, Type: 12}, opening(content, int64(len(content))), numberReply))
		if err != nil {
			return err
		}
		if err := chunk(s, w, u, 1, content); err != nil && err != ErrNotFound {
			return err
		}
		return uploadWhole(s, w, 6, content, int64(len(content)))
	},
	"cancel": func(s *Store, w Who) error {
		u, err := number(s.UploadOpen(w, Once{Key: [16]byte{7}, Type: 12}, Opening{Size: 1 << 20, Sparse: true}, numberReply))
		if err != nil {
			return err
		}
		_, err = s.UploadCancel(w, Once{Key: [16]byte{8}, Type: 32}, u, []byte("cancelled"))
		return err
	},
	"heal": func(s *Store, w Who) error { // a damaged one in a file of its own, another in a segment
		both := [][]byte{bytesOf(51, 300<<10), bytesOf(52, 9000)}
		if _, err := put(s, w, both...); err != nil {
			return err
		}
		err := s.transact(func(tx *db.Tx) error {
			for _, c := range both {
				h := hash.Sum(c)
				id, err := tx.ContentByHash(h[:])
				if err == nil {
					_, err = tx.MarkDamaged(id, 1)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if _, err = put(s, w, both...); err != nil {
			return err
		}
		return s.discardAll()
	},
	"sweep": func(s *Store, w Who) error {
		if _, err := s.UploadOpen(w, Once{Key: [16]byte{4}, Type: 12}, Opening{Size: 1 << 20}, numberReply); err != nil {
			return err
		}
		return s.sweep(context.Background(), afterUploads())
	},
	"restore": restoreDeleted,
	"purge":   purgeDeleted,
	"remove":  removeUser,
	"collect": func(s *Store, w Who) error {
		if err := doom(s, w, 0, bytesOf(21, 5000), bytesOf(22, 300<<10), nil); err != nil {
			return err
		}
		_, err := collectLater(s)
		return err
	},
	"compact": func(s *Store, w Who) error {
		if err := doom(s, w, 3, many(100, 40, 4000)...); err != nil {
			return err
		}
		if g := s.segments.current; g != nil {
			s.spoil(g) // as if it were full
		}
		_, err := collectLater(s)
		return err
	},
}

// doom puts contents that nothing names any more, and names the first ones again.
func doom(s *Store, w Who, again int, contents ...[]byte) error {
	if _, err := put(s, w, contents...); err != nil {
		return err
	}
	if err := s.sweep(context.Background(), afterHolds()); err != nil {
		return err
	}
	_, err := put(s, w, contents[:again]...)
	return err
}

// collectLater collects as if the grace period was over.
func collectLater(s *Store) (Collected, error) {
	return s.newCollector(afterHolds(), commandWait, make(map[int64]bool)).round(context.Background())
}

func many(seed uint64, count, size int) [][]byte {
	all := make([][]byte, count)
	for i := range all {
		all[i] = bytesOf(seed+uint64(i), size)
	}
	return all
}

var assembled = slices.Concat(bytesOf(24, 5000), make([]byte, 100<<10), bytesOf(25, 7000))

// kept are the contents a doing leaves when it has succeeded.
var kept = map[string][][]byte{
	"small": {bytesOf(11, 3000), bytesOf(12, 5000)}, "mixed": {bytesOf(13, 100<<10), bytesOf(14, 300<<10), bytesOf(15, 10)},
	"upload": {bytesOf(16, ChunkSize+99)}, "open": {bytesOf(17, 4000)}, "heal": {bytesOf(51, 300<<10), bytesOf(52, 9000)},
	"twin":  {bytesOf(18, 9000)},
	"prove": {bytesOf(19, proof.Least+3)}, "sweep": nil,
	"collect": nil, "compact": many(100, 3, 4000),
	"found": {bytesOf(23, ChunkSize+99)}, "cancel": nil, "assemble": {assembled},
	"restore": nil, "purge": nil, "remove": nil,
}

// opening is that of a content, as a client that knows its size asks for it.
func opening(content []byte, size int64) Opening {
	open := Opening{Size: size}
	if size >= hash.ProbeLeast {
		probe, err := hash.ReadProbe(bytes.NewReader(content), size)
		if err != nil {
			panic(err)
		}
		open.Probe = &probe
	}
	return open
}

// number reads what numberReply has written.
func number(raw []byte, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(raw), 10, 64)
}

// uploadWhole sends a content in chunks under keys that are the same each time.
func uploadWhole(s *Store, w Who, key byte, content []byte, size int64) error {
	u, err := number(s.UploadOpen(w, Once{Key: [16]byte{key}, Type: 12}, opening(content, size), numberReply))
	if err != nil {
		return err
	}
	for i := range chunksOf(int64(len(content))) {
		if err := chunk(s, w, u, i, content); err != nil && err != ErrNotFound { // sealed before the crash
			return err
		}
	}
	_, err = s.UploadSeal(w, Once{Key: [16]byte{key, 1}, Type: 14}, u, int64(len(content)), hash.Sum(content), []byte("sealed"))
	return err
}

// dieAt is the child.
func dieAt(at, data, doing string) {
	name, count, _ := strings.Cut(at, "#")
	left, _ := strconv.Atoi(count)
	s, err := Open(Config{Data: data, step: func(step string) error {
		if step == name {
			if left--; left <= 0 {
				unix.Kill(unix.Getpid(), unix.SIGKILL)
			}
		}
		return nil
	}})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return
	}
	w := Who{Account: 1, Namespace: 1, Root: 1}
	if err := doings[doing](s, w); err != nil {
		os.Stderr.WriteString(err.Error())
	}
}

// TestCrashes kills a worker at every step of every order of writes, starts its successor, and compares what is there with
// DESIGN.md's table; then the same is done again and must succeed. committed: what was being done is kept.
func TestCrashes(t *testing.T) {
	// A child has a copy of all descriptors until it runs its own program: what is claimed here meanwhile stays claimed.
	var claims sync.RWMutex
	for _, test := range []struct {
		doing, at string
		committed bool
	}{
		{"small", "segment made", false},
		{"small", "write", false},
		{"small", "verified", false},
		{"small", "sync a segment", false},
		{"small", "synced", false},
		{"small", "transaction", false},
		{"small", "committed", true},
		{"mixed", "segment made", false},
		{"mixed", "verified", false},
		{"mixed", "sync an object", false},
		{"mixed", "sync a segment", false},
		{"mixed", "sync folder", false},
		{"mixed", "synced", false},
		{"mixed", "transaction", false},
		{"mixed", "committed", true},
		{"upload", "upload's file made", false},
		{"upload", "sync folder", false},
		{"upload", "transaction", false},
		{"upload", "upload opened", false},
		{"upload", "chunk verified", false},
		{"upload", "sync an upload", false},
		{"upload", "chunk synced", false},
		{"upload", "transaction#2", false},
		{"upload", "chunk committed", false},
		{"upload", "chunk committed#2", false},
		{"upload", "seal verified", false},
		{"upload", "transaction#4", false},
		{"upload", "sealed", true},
		{"open", "upload opened", false},
		{"open", "chunk synced", false},
		{"open", "chunk committed", false},
		{"open", "sealed", true},
		{"assemble", "upload opened", false},
		{"assemble", "assembly begun", false},
		{"assemble", "chunk assembled", false},
		{"assemble", "chunk verified", false},
		{"assemble", "sync an upload", false},
		{"assemble", "chunk synced", false},
		{"assemble", "transaction#2", false},
		{"assemble", "chunk committed", false},
		{"assemble", "sealed", true},
		{"twin", "sealed", true},
		{"twin", "file removed", true},
		{"twin", "transaction#5", true}, // of the removed file's row
		{"prove", "possession verified", false},
		{"prove", "transaction#2", false},
		{"prove", "linked", true},
		{"found", "transaction#3", false}, // of the one that finds it
		{"found", "chunk committed#2", false},
		{"found", "sealed", true},
		{"cancel", "transaction#2", true},
		{"cancel", "upload cancelled", true},
		{"cancel", "file removed", true},
		{"cancel", "transaction#3", true},
		{"heal", "committed#2", true},
		{"sweep", "transaction#4", true},
		{"sweep", "file removed", true},
		{"sweep", "transaction#5", true},
		{"restore", "transaction#4", true},
		{"purge", "transaction#4", true}, // the folder is to be given up
		{"purge", "transaction#5", true}, // it is, and what lies below it is to be removed
		{"purge", "transaction#6", true},
		{"remove", "transaction#8", true}, // the account is disabled, and has uploads
		{"remove", "transaction#9", true},
		{"remove", "transaction#10", true},
		{"remove", "transaction#13", true},
		{"remove", "transaction#16", true},
		{"collect", "contents condemned", true},
		{"collect", "file removed", true},
		{"compact", "contents condemned", true},
		{"compact", "segment copied", true},
		{"compact", "segment moved", true},
		{"compact", "segment removed", true},
	} {
		t.Run(test.doing+" at "+test.at, func(t *testing.T) {
			t.Parallel()
			data := newFolder(t, 0)
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), killAt+"="+test.at, killFolder+"="+data, killDoing+"="+test.doing)
			var died *exec.ExitError
			var out bytes.Buffer
			child.Stdout, child.Stderr = &out, &out
			claims.Lock()
			err := child.Start()
			claims.Unlock()
			if err == nil {
				err = child.Wait()
			}
			if !errors.As(err, &died) || died.ExitCode() != -1 {
				t.Fatalf("the child was not killed: %v: %s", err, out.String())
			}
			s, err := Open(Config{Data: data})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				audit(t, data, false)
			}()
			if err := s.discardAll(); err != nil { // the keeper's, or the next start's
				t.Fatal(err)
			}
			if _, err := s.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			audit(t, data, true)
			w := account(t, s, "ann")
			for _, c := range kept[test.doing] {
				_, err := get(s, w, hash.Sum(c))
				if test.committed && err != nil || !test.committed && err != ErrNotFound {
					t.Errorf("after the crash: %v", err)
				}
			}
			if test.doing == "sweep" {
				return
			}
			claims.RLock()
			err = doings[test.doing](s, w)
			claims.RUnlock()
			if err != nil {
				t.Fatalf("again: %v", err)
			}
			wantContents(t, s, w, kept[test.doing]...)
			audit(t, data, true)
			total := int64(0)
			for _, c := range kept[test.doing] {
				total += int64(len(c))
			}
			if held := usage(t, s, w); held != total {
				t.Errorf("charged %d for %d", held, total)
			}
		})
	}
}

// TestFirstSyncErrorIsFinal: what failed is not kept, nothing is written any more, all that was kept is still read.
func TestFirstSyncErrorIsFinal(t *testing.T) {
	for _, at := range []string{"sync a segment", "sync an object", "sync folder", "sync an upload"} {
		t.Run(at, func(t *testing.T) {
			data := newFolder(t, 0)
			broken := false
			s, err := Open(Config{Data: data, step: func(step string) error {
				if broken && step == at {
					return unix.EIO
				}
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			w := account(t, s, "ann")
			kept, lost, whole := bytesOf(1, 1000), bytesOf(2, 300<<10), bytesOf(3, 5000)
			if _, err := put(s, w, kept); err != nil {
				t.Fatal(err)
			}
			u := openUpload(t, s, w, 5000)
			broken = true
			switch at {
			case "sync an upload":
				err = chunk(s, w, u, 0, whole)
			default:
				_, err = put(s, w, lost, bytesOf(4, 100))
			}
			if !errors.Is(err, ErrReadOnly) || !s.ReadOnly() {
				t.Fatal(err)
			}
			broken = false
			if _, err := put(s, w, bytesOf(5, 10)); !errors.Is(err, ErrReadOnly) {
				t.Error(err)
			}
			if err := chunk(s, w, u, 0, whole); !errors.Is(err, ErrReadOnly) {
				t.Error(err)
			}
			if _, err := s.Find(w, hash.Sum(lost)); err != ErrNotFound {
				t.Error(err)
			}
			wantContents(t, s, w, kept)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openSlot(t, data, 0, nil)
			audit(t, data, true)
			if _, err := put(s, w, lost); err != nil {
				t.Error(err)
			}
		})
	}
}

// A sync that finds the disk full fails those who waited for it, and nobody else.
func TestSyncFindsNoSpace(t *testing.T) {
	data := newFolder(t, 0)
	at := ""
	s := openSlot(t, data, 0, func(step string) error {
		if step == at {
			return unix.ENOSPC
		}
		return nil
	})
	w := account(t, s, "ann")
	for _, at = range []string{"sync a segment", "sync an object", "transaction"} {
		if _, err := put(s, w, bytesOf(1, 100), bytesOf(2, 300<<10)); !errors.Is(err, ErrSpace) {
			t.Errorf("%s: %v", at, err)
		}
	}
	at = ""
	if _, err := put(s, w, bytesOf(1, 100)); err != nil {
		t.Error(err)
	}
	wantContents(t, s, w, bytesOf(1, 100))
	audit(t, data, true)
}

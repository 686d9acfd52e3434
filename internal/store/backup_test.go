package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/db"
	"sluice/internal/hash"
)

func backUp(t *testing.T, config BackupConfig) BackupReport {
	t.Helper()
	config.Tell = func(f Finding) { t.Log(f) }
	report, err := Backup(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// wantBackup verifies a backup; kind is what must be found, "" for nothing.
func wantBackup(t *testing.T, to, kind string) {
	t.Helper()
	_, report, err := BackupVerify(context.Background(), to, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := kind == "" && len(report.Findings) == 0
	for _, f := range report.Findings {
		found = found || f.Kind == kind
	}
	if !found {
		t.Errorf("verify: wanted %q: %v", kind, report)
	}
}

// fromBackup restores a backup and opens it as a server does.
func fromBackup(t *testing.T, from string) *Store {
	t.Helper()
	data := filepath.Join(t.TempDir(), "restored")
	if _, err := BackupRestore(context.Background(), BackupRestoreConfig{From: from, Data: data, Tell: func(f Finding) { t.Log(f) }}); err != nil {
		t.Fatal(err)
	}
	if err := StartUp(data, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	return openSlot(t, data, 0, nil)
}

// TestBackup makes a backup beside a store at work, renews it, and restores both.
func TestBackup(t *testing.T) {
	for _, copied := range []bool{false, true} {
		t.Run(fmt.Sprintf("copied %v", copied), func(t *testing.T) {
			data, to := fullFolder(t), filepath.Join(t.TempDir(), "backups", "daily")
			s := openSlot(t, data, 0, nil)
			w := account(t, s, "ann")
			if _, err := put(s, w, bytesOf(20, 4000), bytesOf(21, 200<<10)); err != nil { // in an open segment, and a file
				t.Fatal(err)
			}
			mustApply(t, s, w, fileOf(w.Root, "x", bytesOf(20, 4000)), fileOf(w.Root, "y", bytesOf(21, 200<<10)))
			config := BackupConfig{Data: data, To: to, Copy: copied}
			dry := config
			dry.DryRun = true
			if r := backUp(t, dry); r.Fresh != 6 {
				t.Errorf("dry: %+v", r)
			}
			if _, err := os.Stat(to); err == nil {
				t.Error("a dry run made the folder")
			}
			first := backUp(t, config)
			if first.Contents != 6 || first.Fresh != 6 || first.Missing != 0 || copied && first.Linked != 0 {
				t.Errorf("%+v", first)
			}
			wantBackup(t, to, "")
			if got := sameFile(s.folder.object(s.life.high), folder(to).object(s.life.high)); got == copied {
				t.Errorf("the same file: %v", got)
			}
			epoch := epochOf(t, s, w)

			// What comes later is the only thing the next one brings, and what was collected goes.
			if _, err := put(s, w, bytesOf(22, 3000), bytesOf(23, 200<<10)); err != nil {
				t.Fatal(err)
			}
			mustApply(t, s, w, fileOf(w.Root, "z", bytesOf(22, 3000)))
			second := backUp(t, config)
			if second.Contents != 8 || second.Fresh != 2 || second.New != 3000+200<<10 {
				t.Errorf("%+v", second)
			}
			wantBackup(t, to, "")
			s2 := fromBackup(t, to)
			wantContents(t, s2, w, bytesOf(20, 4000), bytesOf(21, 200<<10), bytesOf(22, 3000), bytesOf(23, 200<<10), bytesOf(1, 5000), bytesOf(3, 300<<10))
			if now := epochOf(t, s2, w); now == epoch {
				t.Error("the epoch is the same")
			}
			if draw1, draw2 := tree(t, s, w), tree(t, s2, w); draw1 != draw2 {
				t.Errorf("another tree:\n%s\n%s", draw1, draw2)
			}
			// The lost history gave numbers the backup knows nothing of: none is given twice.
			lost := mustApply(t, s, w, fileOf(w.Root, "lost", bytesOf(22, 3000)))
			later := mustApply(t, s2, w, fileOf(w.Root, "later", bytesOf(22, 3000)))
			if lost[0].Node >= later[0].Node || lost[0].Version >= later[0].Version {
				t.Errorf("before the restore %+v was given, after it %+v", lost, later)
			}
			if s2.ServerID() != s.ServerID() {
				t.Error("another server")
			}
			audit(t, s2.config.Data, true)
			var uploads []db.Upload
			if err := s2.read(func(tx *db.Tx) (err error) { uploads, err = tx.Uploads(); return err }); err != nil || len(uploads) > 0 {
				t.Error("uploads go on in a restored folder", err)
			}
			// It is a server like any other.
			if _, err := put(s2, w, bytesOf(30, 3000), bytesOf(31, 200<<10)); err != nil {
				t.Fatal(err)
			}
			wantContents(t, s2, w, bytesOf(30, 3000), bytesOf(31, 200<<10))
			wantBackup(t, to, "")

			if err := s.UserRemove("ann"); err != nil {
				t.Fatal(err)
			}
			script(t, data, `DELETE FROM chunk`)
			script(t, data, `DELETE FROM content WHERE refs = 0 AND complete AND segment IS NULL`)
			third := backUp(t, config)
			if third.Removed == 0 {
				t.Errorf("%+v", third)
			}
			wantBackup(t, to, "")
		})
	}
}

func epochOf(t *testing.T, s *Store, w Who) int64 {
	t.Helper()
	home, err := s.Home(w)
	if err != nil {
		t.Fatal(err)
	}
	return home.Epoch
}

// A backup that was stopped, at any file, leaves the one before as it was, and the next one is whole.
func TestBackupStopped(t *testing.T) {
	data, to := fullFolder(t), filepath.Join(t.TempDir(), "b")
	config := BackupConfig{Data: data, To: to, Copy: true}
	first := backUp(t, config)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	if _, err := put(s, w, bytesOf(40, 4000), bytesOf(41, 150<<10), bytesOf(42, 151<<10)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Backup(ctx, config); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// Killed: a half-written file under a name that was never said to be whole, half a segment, another database.
	for _, path := range []string{folder(to).object(s.life.high), folder(to).segment(4711), folder(to).in("database-0000000000000001")} {
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, make([]byte, 150<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := readManifest(folder(to))
	if err != nil || m.Database != first.Database {
		t.Error(m, err)
	}
	wantBackup(t, to, findNoRow) // a note
	backUp(t, config)
	wantBackup(t, to, "")
	fromBackup(t, to)
}

// What is wrong in a backup is found, and a restore marks it and serves the rest.
func TestBackupDamaged(t *testing.T) {
	data, to := fullFolder(t), filepath.Join(t.TempDir(), "b")
	backUp(t, BackupConfig{Data: data, To: to, Copy: true})
	flip := func(path string, at int64) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		f.WriteAt([]byte{b[0] ^ 1}, at)
	}
	segments, _ := filepath.Glob(filepath.Join(to, "segments/*"))
	objects, _ := filepath.Glob(filepath.Join(to, "objects/*/*"))
	flip(segments[0], 100)
	wantBackup(t, to, findBytes)
	s := fromBackup(t, to)
	w := account(t, s, "ann")
	if _, err := s.Find(w, hash.Sum(bytesOf(1, 5000))); !errors.Is(err, ErrSpoiled) {
		t.Error(err)
	}
	wantContents(t, s, w, bytesOf(3, 300<<10))
	if err := os.Remove(objects[0]); err != nil {
		t.Fatal(err)
	}
	wantBackup(t, to, findMissing)
	report, err := BackupRestore(context.Background(), BackupRestoreConfig{From: to, Data: filepath.Join(t.TempDir(), "r")})
	if err != nil || report.Damaged != 2 {
		t.Error(report, err)
	}
	m, _ := readManifest(folder(to))
	flip(folder(to).in(m.Database), 5000)
	wantBackup(t, to, findDatabase)
	if _, err := BackupRestore(context.Background(), BackupRestoreConfig{From: to, Data: filepath.Join(t.TempDir(), "r")}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	for _, manifest := range []string{"{", `{"format":99}`, `{"format":1,"database":"../sluice.db"}`} {
		if err := os.WriteFile(folder(to).manifest(), []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := BackupVerify(context.Background(), to, nil, nil); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
			t.Error(manifest, err)
		}
	}

	// A content that the server knows to be damaged, or has lost, is told and left out.
	lost, _ := filepath.Glob(filepath.Join(data, "objects/*/*"))
	if err := os.Remove(lost[len(lost)-1]); err != nil {
		t.Fatal(err)
	}
	script(t, data, `UPDATE content SET damaged = 1 WHERE size = 5000`)
	other := filepath.Join(t.TempDir(), "other")
	if r := backUp(t, BackupConfig{Data: data, To: other}); r.Missing != 2 {
		t.Errorf("%+v", r)
	}
	wantBackup(t, other, findMissing)
}

func TestBackupRefuses(t *testing.T) {
	data := newFolder(t, 0)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ data, to, text string }{
		{data, data, "lie in each other"},
		{data, filepath.Join(data, "backup"), "lie in each other"},
		{data, filepath.Dir(data), "lie in each other"},
		{data, full, "letter.txt"},
		{filepath.Join(full, "none"), filepath.Join(full, "b"), "no database"},
	} {
		if _, err := Backup(context.Background(), BackupConfig{Data: test.data, To: test.to}); err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s to %s: %v", test.data, test.to, err)
		}
	}
	to := filepath.Join(t.TempDir(), "b")
	backUp(t, BackupConfig{Data: data, To: to})
	if _, err := Backup(context.Background(), BackupConfig{Data: newFolder(t, 0), To: to}); !errors.Is(err, ErrPlace) {
		t.Error("another server's:", err)
	}
	if _, err := BackupRestore(context.Background(), BackupRestoreConfig{From: to, Data: data}); !errors.Is(err, ErrPlace) {
		t.Error("into a data folder:", err)
	}
	if _, err := BackupRestore(context.Background(), BackupRestoreConfig{From: to, Data: full}); !errors.Is(err, ErrPlace) {
		t.Error("into a full folder:", err)
	}
	if _, err := BackupRestore(context.Background(), BackupRestoreConfig{From: full, Data: filepath.Join(full, "x")}); !errors.Is(err, ErrNoBackup) {
		t.Error("from no backup:", err)
	}
	l, err := lockFile(folder(to).backupLock(), exclusive, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.unlock()
	if _, err := Backup(context.Background(), BackupConfig{Data: data, To: to}); !errors.Is(err, ErrInUse) {
		t.Error("two at once:", err)
	}
}

// A restore that was stopped is no data folder, and can be begun anew.
func TestRestoreStopped(t *testing.T) {
	data, to := fullFolder(t), filepath.Join(t.TempDir(), "b")
	backUp(t, BackupConfig{Data: data, To: to})
	target := filepath.Join(t.TempDir(), "r")
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := BackupRestore(ctx, BackupRestoreConfig{From: to, Data: target}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := StartUp(target, func(string) {}); err == nil {
		t.Error("a server starts on half a restore")
	}
	if _, err := BackupRestore(context.Background(), BackupRestoreConfig{From: to, Data: target}); err != nil {
		t.Fatal(err)
	}
	if err := StartUp(target, func(string) {}); err != nil {
		t.Fatal(err)
	}
	audit(t, target, false)
	if _, err := BackupRestore(context.Background(), BackupRestoreConfig{From: to, Data: target}); !errors.Is(err, ErrPlace) {
		t.Error(err)
	}
}

// Nobody is held up by a backup, but for the collector.
func TestBackupHoldsTheCollectorOff(t *testing.T) {
	data := newFolder(t, 0)
	l, err := lockFile(folder(data).collectorLock(), exclusive, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, l.unlock)
	began := time.Now()
	backUp(t, BackupConfig{Data: data, To: filepath.Join(t.TempDir(), "b")})
	if time.Since(began) < 90*time.Millisecond {
		t.Error("it did not wait for the collector's batch")
	}
}

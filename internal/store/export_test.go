package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sampleFolder makes a folder with one of everything that can be kept, and some names that are hard.
func sampleFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	at := time.Unix(1_600_000_000, 123_456_789)
	for i, f := range []struct {
		name string
		size int
		mode fs.FileMode
	}{
		{"empty", 0, 0o600}, {"small", 1000, 0o755}, {"deep/er/small", 1000, 0o640}, {"border", Border, 0o644}, {"large", Border + 1, 0o444},
		{"deep/huge", ChunkSize + 7, 0o644}, {"bad \xff name\n%41", 10, 0o644}, {strings.Repeat("n", 255), 20, 0o644}, {"-rf", 5, 0o644},
	} {
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytesOf(uint64(f.size), f.size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(path, f.mode), os.Chtimes(path, at, at.Add(time.Duration(i)*time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "nothing"), 0o711), os.Symlink("../../etc/passwd", filepath.Join(dir, "link")),
		os.Symlink("nowhere", filepath.Join(dir, "deep", "broken"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nothing", "deep/er", "deep"} {
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// picture draws a folder: names, modes, times, contents.
func picture(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%q %v %d ", path[len(dir):], info.Mode(), info.ModTime().UnixNano())
		switch {
		case info.Mode().IsRegular():
			sum, err := hashFile(path)
			fmt.Fprintln(&b, info.Size(), sum, err)
		case !info.IsDir():
			target, err := os.Readlink(path)
			fmt.Fprintln(&b, target, err)
		default:
			fmt.Fprintln(&b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What was imported and is exported is the same, to the last time stamp, and both can be repeated.
func TestImportExport(t *testing.T) {
	data := newFolder(t, 0)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	from, to := sampleFolder(t), filepath.Join(t.TempDir(), "a", "b")
	tell := func(f Finding) { t.Log(f) }
	if r, err := s.Import(context.Background(), ImportConfig{User: "ann", From: from, DryRun: true}); err != nil || r.Files != 9 || r.Folders != 3 || r.Links != 2 {
		t.Error(r, err)
	}
	for range 2 {
		r, err := s.Import(context.Background(), ImportConfig{User: "ann", From: from, Tell: tell})
		if err != nil || r.Files != 9 || r.Links != 2 || r.There+r.Failed > 0 {
			t.Error(r, err)
		}
	}
	audit(t, data, true)
	checkCharges(t, s, w)
	if r, err := s.Export(context.Background(), ExportConfig{User: "ann", To: to, DryRun: true}); err != nil || r.Files != 9 {
		t.Error(r, err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("a dry run made the folder")
	}
	r, err := s.Export(context.Background(), ExportConfig{User: "ann", To: to, Tell: tell})
	if err != nil || r.Files != 9 || r.Folders != 3 || r.Links != 2 || r.There+r.Failed+r.Damaged > 0 {
		t.Error(r, err)
	}
	if a, b := picture(t, from), picture(t, to); a != b {
		t.Errorf("imported:\n%s\nexported:\n%s", a, b)
	}

	// Nothing is overwritten, on either side, and a link in the way is not followed.
	outside := filepath.Join(t.TempDir(), "outside")
	if err := errors.Join(os.Mkdir(outside, 0o755), os.WriteFile(filepath.Join(to, "small"), []byte("mine"), 0o644), os.Remove(filepath.Join(to, "large")),
		os.RemoveAll(filepath.Join(to, "deep")), os.Symlink(outside, filepath.Join(to, "deep"))); err != nil {
		t.Fatal(err)
	}
	r, err = s.Export(context.Background(), ExportConfig{User: "ann", To: to})
	if err != nil || r.Files != 1 || r.There != 8 {
		t.Errorf("%+v %v", r, err)
	}
	if b, err := os.ReadFile(filepath.Join(to, "small")); string(b) != "mine" {
		t.Error("overwritten", err)
	}
	if all, _ := os.ReadDir(outside); len(all) > 0 {
		t.Error("a link was followed")
	}
	i, err := s.Import(context.Background(), ImportConfig{User: "ann", From: to})
	if err != nil || i.There != 2 { // small, and the link where a folder stands
		t.Errorf("%+v %v", i, err)
	}
	wantContents(t, s, w, bytesOf(1000, 1000))

	// What is damaged is not exported.
	rot(t, s, w, bytesOf(Border+1, Border+1))
	r, err = s.Export(context.Background(), ExportConfig{User: "ann", To: filepath.Join(t.TempDir(), "c")})
	if err != nil || r.Files != 8 || r.Damaged != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestImportRefuses(t *testing.T) {
	data := newFolder(t, 300<<10)
	s := openSlot(t, data, 0, nil)
	w := account(t, s, "ann")
	if _, err := s.Import(context.Background(), ImportConfig{User: "nobody", From: "/"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Import(context.Background(), ImportConfig{User: "ann", From: "/does/not/exist"}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "fits"), bytesOf(1, 100<<10), 0o600), unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Import(context.Background(), ImportConfig{User: "ann", From: dir}); err != nil || r.Files != 1 || r.Failed != 1 {
		t.Error(r, err)
	}
	for _, size := range []int{400 << 10, 120 << 10} { // alone too large; and with what it takes twice
		if err := os.WriteFile(filepath.Join(dir, "large"), bytesOf(2, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "too"), bytesOf(3, 120<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Import(context.Background(), ImportConfig{User: "ann", From: dir}); !errors.Is(err, ErrQuota) {
			t.Error(err)
		}
	}
	checkCharges(t, s, w)
	audit(t, data, true)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Import(ctx, ImportConfig{User: "ann", From: dir}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.Export(ctx, ExportConfig{User: "ann", To: filepath.Join(t.TempDir(), "x")}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

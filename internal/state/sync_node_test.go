package state

import (
	"io/fs"
	"math"
	"path/filepath"
	"testing"
	"testing/fstest"

	"sluice/internal/db"
)

func TestNodeInOnePiece(t *testing.T) {
	var hash [32]byte
	for i := range hash {
		hash[i] = byte(i + 1)
	}
	for _, n := range []SyncNode{
		{},
		{SyncEntry: SyncEntry{Kind: 2, Hash: hash, Size: 1, Mode: 0o644, Mtime: -5, Version: 7}, FactSize: 2, FactMtime: 3, FactCtime: 4, Born: 6},
		{SyncEntry: SyncEntry{Kind: 255, Size: math.MaxInt64, Mode: math.MaxUint32, Mtime: math.MinInt64}, FactSize: -1, FactCtime: math.MaxInt64},
	} {
		b := n.append(nil)
		var got SyncNode
		if err := got.take(b); err != nil || got != n {
			t.Errorf("%+v is read as %+v, %v", n, got, err)
		}
		for _, bad := range [][]byte{nil, b[1:], append(b, 0)} {
			if err := new(SyncNode).take(bad); err == nil {
				t.Errorf("%d bytes are read", len(bad))
			}
		}
	}
}

// What both sides had last is still known when the state comes from a program that had a column for each fact: without it the
// next sync would bring back what was deleted on one side since.
func TestNodesOfVersion3(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	old := fstest.MapFS{}
	for _, name := range []string{"0001.sql", "0002.sql", "0003.sql"} {
		script, err := fs.ReadFile(files, "schema/"+name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: script}
	}
	if err := (db.Schema{Files: old, ID: applicationID}).Migrate(path); err != nil {
		t.Fatal(err)
	}
	root := &SyncRoot{Remote: "home", Server: "s", Path: "p", Dir: "/d", Device: "x"}
	file := SyncNode{SyncEntry{11, 10, "f\xff", 1, [32]byte{1, 31: 255}, 1 << 40, 0o644, -5, 7}, 1 << 40, -5, math.MaxInt64, 1<<64 - 1, 9}
	folder := SyncNode{SyncEntry: SyncEntry{ID: 10, Parent: 1, Name: "d", Kind: 2, Mode: math.MaxUint32}}
	d, err := db.Open(path, db.Options{Gate: path + ".lock", AutoCheckpoint: true, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	err = (&Sync{s: &State{d}, id: 1}).write(func(table db.Table) error {
		err := table.Run(`INSERT INTO sync_root VALUES (1, 'home', 's', CAST('p' AS BLOB), CAST('/d' AS BLOB), 'x', 1, 2, 3, 1, 4, 5, 'm', 6, 3, '')`)
		for _, n := range []SyncNode{file, folder} {
			hash := n.Hash[:]
			if n.Kind == folder.Kind {
				hash = nil
			}
			if err == nil {
				err = table.Run("INSERT INTO sync_node VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", 1, n.ID, n.Parent, []byte(n.Name), int64(n.Kind),
					hash, n.Size, n.Mode, n.Mtime, n.Version, n.FactSize, n.FactMtime, n.FactCtime, int64(n.Ino), n.Born)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	y, err := s.Sync(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []SyncNode{file, folder} {
		if n, found, err := y.Child(want.Parent, want.Name); err != nil || !found || n != want {
			t.Errorf("%+v is read as %+v, %v, %v", want, n, found, err)
		}
	}
	if n, found, err := y.Node(file.ID); err != nil || !found || n != file {
		t.Errorf("%+v, %v, %v", n, found, err)
	}
	if keys, err := y.Aloft(); err != nil || len(keys) != 0 {
		t.Errorf("%d commits are on their way, %v", len(keys), err)
	}
}

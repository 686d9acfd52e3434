package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSpace(t *testing.T) {
	data := fullFolder(t)
	addAccount(t, data, "bob", 0)
	s := openSlot(t, data, 0, nil)
	w, bob := account(t, s, "ann"), account(t, s, "bob")
	// ann: docs/a 5000, docs/b 300 KiB, c 5000 over a version of 200 KiB, 6000 unnamed, an upload that is not sealed.
	_, err := put(s, bob, bytesOf(1, 5000), bytesOf(40, 777), bytesOf(41, 220<<10))
	must(t, err)
	mustApply(t, s, bob, fileOf(bob.Root, "mine", bytesOf(1, 5000)))
	mustApply(t, s, bob, fileOf(bob.Root, "gone", bytesOf(40, 777)))
	mustApply(t, s, bob, Change{Op: OpDelete, Node: at(t, s, bob, "gone").Node, Expect: ExpectAny})
	mustApply(t, s, w, Change{Op: OpDelete, Node: at(t, s, w, "docs").Node, Expect: ExpectAny, Recursive: true})
	must(t, doom(s, w, 0, bytesOf(42, 250<<10))) // and what was unnamed goes with it
	_, err = put(s, w, bytesOf(43, 999))
	must(t, err)

	all, err := s.Space("")
	must(t, err)
	for use, want := range map[Use]Spent{
		UseLive:     {Names: 2, Charged: 10000, Contents: 1, Bytes: 5000}, // ann's c, bob's mine
		UseVersions: {Names: 1, Charged: 200 << 10, Contents: 1, Bytes: 200 << 10},
		UseTrash:    {Names: 3, Charged: 5000 + 300<<10 + 777, Contents: 2, Bytes: 300<<10 + 777},
		UseUnnamed:  {Names: 1, Charged: 999, Contents: 1, Bytes: 999},
		UsePartial:  {Names: 1, Charged: 100 << 10, Contents: 1, Bytes: 100 << 10},
		UseDoomed:   {Contents: 3, Bytes: 6000 + 220<<10 + 250<<10},
		UseEnded:    {},
	} {
		got := all.Uses[use]
		got.Disk, got.Alone = 0, 0
		if got != want {
			t.Errorf("%v: %+v instead of %+v", use, got, want)
		}
	}
	if all.Living != 5000+6000+777+999 {
		t.Errorf("%d bytes live in segments", all.Living)
	}
	used, held := int64(0), int64(0)
	for _, who := range []Who{w, bob} {
		u, h, _, err := s.Usage(who)
		must(t, err)
		used, held = used+u, held+h
	}
	charged := int64(0)
	for _, u := range all.Uses {
		charged += u.Charged
	}
	if charged != used+held {
		t.Errorf("charged %d, but the accounts %d", charged, used+held)
	}
	if disk := blocksOf(t, data); all.Disk() != disk {
		t.Errorf("%d bytes on disk, counted %d", disk, all.Disk())
	}

	theirs, err := s.Space("bob")
	must(t, err)
	if got := theirs.Uses[UseLive]; got.Charged != 5000 || got.Bytes != 5000 || got.Alone != 0 {
		t.Errorf("what ann has too: %+v", got)
	}
	if got := theirs.Uses[UseTrash]; got.Charged != 777 || got.Bytes != 777 || got.Alone != 777 || got.Disk != 777 {
		t.Errorf("what only bob has: %+v", got)
	}
	if got := theirs.Uses[UsePartial]; got.Charged != 0 || got.Contents != 0 {
		t.Errorf("ann's: %+v", got)
	}
	if _, err := s.Space("nobody"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// blocksOf is what `du -s` says of a folder.
func blocksOf(t testing.TB, dir string) (bytes int64) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		bytes += st.Blocks * 512
		return err
	}))
	return bytes
}

package torture

import (
	"context"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
)

// makeRoom empties the trash where nothing is free, ends an upload that was left, and has what they kept collected: the room of both
// comes back. It tells how many names went.
func (s *server) makeRoom(ballast *ballast, left []leaving) int64 {
	s.Helper()
	ctx := context.Background()
	ballast.fill()
	remote := s.dialRemote(client.Options{Connections: 1, Retries: -1})
	emptied, err := remote.TrashEmpty(ctx, time.Now().UnixNano(), false)
	if err != nil {
		s.Fatalf("empty the trash of a full disk: %v", err)
	}
	for _, l := range left {
		if err := remote.UploadCancel(ctx, l.upload); err != nil {
			s.Fatalf("end an upload on a full disk: %v", err)
		}
	}
	if out, code := s.collect(); code != 0 {
		s.Fatalf("gc on a full disk ends with %d: %s", code, out)
	}
	if len(left) > 0 {
		s.within(10*time.Second, "room on the disk again", func() bool { return free(s.round, s.data) > 1<<20 })
	}
	return emptied
}

// explained holds what du says against what lies in the data folder, and asks that nothing be left of what was given up. The
// server has ended well.
func (s *server) explained() {
	s.Helper()
	s.startUp()
	out, _ := s.command("du", "--json")
	var told struct {
		Disk  int64
		Uses  map[string]struct{ Contents, Bytes, Disk int64 }
		Files map[string]struct{ Files, Disk int64 }
	}
	s.must(json.Unmarshal([]byte(out), &told))
	var blocks int64
	s.must(filepath.WalkDir(s.data, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if !strings.HasPrefix(filepath.Base(path), databaseLog[:len("sluice.db-")]) { // du has the database open itself
			blocks += st.Blocks * 512
		}
		return err
	}))
	if told.Disk -= told.Files["log"].Disk; told.Disk != blocks {
		s.Errorf("du explains %d bytes of the disk, the data folder has %d: %s", told.Disk, blocks, out)
	}
	if told.Uses["ended"].Contents > 0 || told.Files["arriving"].Files > 0 {
		s.Errorf("something is left of what has ended: %s", out)
	}
}

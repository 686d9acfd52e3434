package reconcile

import "testing"

func TestModesAndTimes(t *testing.T) {
	for _, c := range []struct {
		name        string
		here, there string
		want        Do // 0: nothing
		mode        uint32
	}{
		{"changed here", "chmod a", "", UpPut, 0o655}, // its ctime has moved: only reading tells that its content has not
		{"changed there", "", "chmod a", DownSet, 0o655},
		{"of a folder here", "chmod d", "", UpSet, 0o755 ^ 0o011},
		{"of a folder there", "", "chmod d", DownSet, 0o755 ^ 0o011},
		{"alike", "chmod d", "chmod d", Agree, 0o755 ^ 0o011},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := scene{both: "put a 1; mkdir d", here: c.here, there: c.there}.begin(t, false)
			w.sync(1)
			name := "d"
			if c.here == "chmod a" || c.there == "chmod a" {
				name = "a"
			}
			l, r := lookup(w.disk, name), lookup(w.server, name)
			if len(w.steps) != 1 || w.steps[0] != c.want || l.Mode != c.mode || r.Mode != c.mode {
				t.Errorf("steps %v, modes %o and %o", w.steps, l.Mode, r.Mode)
			}
		})
	}
	t.Run("different on both sides: the server's", func(t *testing.T) {
		w := scene{both: "mkdir d"}.begin(t, false)
		lookup(w.disk, "d").Mode, lookup(w.server, "d").Mode = 0o700, 0o711
		w.sync(1)
		if mode := lookup(w.disk, "d").Mode; mode != 0o711 {
			t.Errorf("%o", mode)
		}
	})
	t.Run("a folder that its owner may not write to is filled first", func(t *testing.T) {
		w := newWorld(t)
		commands(w, there, "mkdir d; put d/a 1")
		lookup(w.server, "d").Mode = 0o555
		w.sync(1)
		if n := len(w.steps); w.steps[n-1] != DownSet || lookup(w.disk, "d").Mode != 0o555 {
			t.Errorf("steps %v", w.steps)
		}
	})
	t.Run("a time that the file system keeps less precisely is no change", func(t *testing.T) {
		w := scene{both: "put a 1"}.begin(t, false)
		e := lookup(w.disk, "a")
		e.Mtime, e.Facts.Mtime = 1, 1
		for _, r := range w.rows {
			if r.e.Name == "a" {
				r.e.Facts.Mtime = 1
			}
		}
		if n := w.sync(1); n != 0 {
			t.Errorf("steps %v", w.steps)
		}
	})
}

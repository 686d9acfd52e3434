package state

import (
	"fmt"
	"strings"

	"sluice/internal/db"
)

// Stage is how far a transfer is.
type Stage int64

const (
	Running     Stage = 1 // or killed: whoever has it holds a lock that says so
	Paused      Stage = 2 // by its user
	Interrupted Stage = 3 // by a signal
	Failed      Stage = 4 // see its reason
	Pausing     Stage = 5 // running, and asked to pause
)

// Transfer is a put, get, push or pull that has not ended well.
type Transfer struct {
	ID      int64
	Command []string // its arguments
	Dir     string   // where it was begun, an absolute path
	Remote  string
	Pid     int
	Stage   Stage
	Reason  string // why it ended
	Done    int64  // bytes
	Total   int64
	Began   int64 // ns since 1970
	Touched int64
}

// Remnant is what a transfer leaves: exactly one of the two is set.
type Remnant struct {
	Path   string // a partial file here, absolute
	Upload int64  // the number of an upload on the server
}

// packed is a command as it is kept; no argument holds a zero byte.
func packed(command []string) []byte {
	var b []byte
	for _, a := range command {
		b = append(append(b, a...), 0)
	}
	return b
}

func unpacked(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// Find finds the transfer of the same command that did not end, or adds one. It sets ID and Began.
func (s *State) Find(t *Transfer) error {
	command := packed(t.Command)
	return s.writeTransfers(func(tx db.Table) error {
		found, err := tx.Row("SELECT id, began FROM transfer WHERE command = ? AND dir = ?", []any{command, []byte(t.Dir)}, &t.ID, &t.Began)
		if err != nil || found {
			return err
		}
		t.Began = t.Touched
		_, t.ID, err = tx.Exec(`INSERT INTO transfer (command, dir, remote, pid, stage, reason, done, total, began, touched)
			VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?)`, command, []byte(t.Dir), t.Remote, t.Pid, int64(Running), t.Done, t.Total, t.Began, t.Touched)
		return err
	})
}

// Take records that a transfer runs, in which process.
func (s *State) Take(t *Transfer) error {
	return s.writeTransfers(func(tx db.Table) error {
		return tx.Run("UPDATE transfer SET remote = ?, pid = ?, stage = ?, reason = '', touched = ? WHERE id = ?",
			t.Remote, t.Pid, int64(Running), t.Touched, t.ID)
	})
}

// Advance records how far a transfer is.
func (s *State) Advance(id, done, total, at int64) error {
	return s.writeTransfers(func(tx db.Table) error {
		return tx.Run("UPDATE transfer SET done = ?, total = ?, touched = ? WHERE id = ?", done, total, at, id)
	})
}

// Pause records that a transfer is to pause, if it runs, or is paused.
func (s *State) Pause(id int64, runs bool) error {
	stage := Paused
	if runs {
		stage = Pausing
	}
	return s.writeTransfers(func(tx db.Table) error {
		return tx.Run("UPDATE transfer SET stage = ? WHERE id = ?", int64(stage), id)
	})
}

// Halt records how a transfer ended before it was done. One that was asked to pause is paused, if it was interrupted.
func (s *State) Halt(id int64, stage Stage, reason string, at int64) error {
	return s.writeTransfers(func(tx db.Table) error {
		return tx.Run(`UPDATE transfer SET stage = CASE WHEN stage = ?1 AND ?2 = ?3 THEN ?4 ELSE ?2 END, reason = ?5, touched = ?6 WHERE id = ?7`,
			int64(Pausing), int64(stage), int64(Interrupted), int64(Paused), reason, at, id)
	})
}

// Drop forgets a transfer and what it leaves.
func (s *State) Drop(id int64) error {
	return s.writeTransfers(func(tx db.Table) error {
		if err := tx.Run("DELETE FROM remnant WHERE transfer = ?", id); err != nil {
			return err
		}
		return tx.Run("DELETE FROM transfer WHERE id = ?", id)
	})
}

// Leave records what a transfer would leave behind.
func (s *State) Leave(id int64, r Remnant) error {
	return s.writeTransfers(func(tx db.Table) error {
		return tx.Run("INSERT OR IGNORE INTO remnant (transfer, path, upload) VALUES (?, ?, ?)", id, []byte(r.Path), r.Upload)
	})
}

// Remnants lists what a transfer leaves.
func (s *State) Remnants(id int64) (all []Remnant, err error) {
	err = s.readTransfers("SELECT path, upload FROM remnant WHERE transfer = ?", func(r *db.Row) {
		all = append(all, Remnant{Path: r.Text(0), Upload: r.Int(1)})
	}, id)
	return all, err
}

// Transfers lists all transfers, the oldest first.
func (s *State) Transfers() (all []Transfer, err error) {
	err = s.readTransfers("SELECT id, command, dir, remote, pid, stage, reason, done, total, began, touched FROM transfer ORDER BY id", func(r *db.Row) {
		all = append(all, Transfer{ID: r.Int(0), Command: unpacked(r.Bytes(1)), Dir: r.Text(2), Remote: r.Text(3), Pid: int(r.Int(4)),
			Stage: Stage(r.Int(5)), Reason: r.Text(6), Done: r.Int(7), Total: r.Int(8), Began: r.Int(9), Touched: r.Int(10)})
	})
	return all, err
}

func (s *State) writeTransfers(fn func(tx db.Table) error) error {
	if err := s.db.Write(func(tx *db.Tx) error { return fn(db.TableOf(tx)) }); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

func (s *State) readTransfers(query string, each func(r *db.Row), args ...any) error {
	err := s.db.Read(func(tx *db.Tx) error {
		return db.TableOf(tx).Rows(query, args, func(r *db.Row) error {
			each(r)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	return nil
}

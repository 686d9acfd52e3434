package db

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childPath in the environment makes this binary a writer of that database instead of a test run.
const childPath = "SLUICE_DB_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := writeUntilKilled(path, os.Getenv("SLUICE_DB_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes notes from several goroutines and says the name of each once it has been acknowledged.
func writeUntilKilled(path, name string) error {
	d, err := Open(path, Options{Gate: path + ".gate"})
	if err != nil {
		return err
	}
	said := make(chan string)
	for g := range 4 {
		go func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%s %d %d", name, g, i)
				if err := d.Write(func(tx *Tx) error {
					// Two rows at some distance in time: a kill often falls between BEGIN and COMMIT.
					if err := note(text + " half")(tx); err != nil {
						return err
					}
					time.Sleep(time.Millisecond)
					return note(text)(tx)
				}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				said <- text
			}
		}()
	}
	for text := range said {
		fmt.Println(text)
	}
	return nil
}

// Writers are killed at any moment, one after the other and beside another one that lives on: what was acknowledged is
// there, what was not is there whole or not at all, and the gate is free.
func TestKill(t *testing.T) {
	d := openTest(t)
	notes(t, d)
	var acknowledged []string
	for round := range 6 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childPath+"="+d.path, "SLUICE_DB_NAME=child"+strconv.Itoa(round))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// The clock begins with its first word, so that every child gets to write.
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
			if n == 0 {
				time.AfterFunc(time.Duration(20+7*round)*time.Millisecond, func() { child.Process.Kill() })
			}
			if n%5 == 0 {
				if err := d.Write(note(fmt.Sprintf("own %d %d", round, n))); err != nil {
					t.Error(err)
				}
			}
		}
		child.Wait() // killed
		if err := d.Write(note(fmt.Sprintf("after %d", round))); err != nil {
			t.Fatal(err)
		}
	}
	there := map[string]bool{}
	if err := d.Read(func(tx *Tx) error {
		return tx.rows(`SELECT text FROM note`, nil, func(r *Row) error { there[r.Text(0)] = true; return nil })
	}); err != nil {
		t.Fatal(err)
	}
	if len(acknowledged) < 20 {
		t.Errorf("only %d were acknowledged", len(acknowledged))
	}
	for _, text := range acknowledged {
		if !there[text] {
			t.Errorf("%q was acknowledged and is gone", text)
		}
	}
	for text := range there {
		if whole, half := strings.CutSuffix(text, " half"); half && !there[whole] {
			t.Errorf("%q is there by half", whole)
		}
	}
	checkWhole(t, d)
}

// checkWhole has SQLite look through the file.
func checkWhole(t *testing.T, d *DB) {
	t.Helper()
	if err := d.Read(func(tx *Tx) error {
		var result string
		if _, err := tx.row(`PRAGMA integrity_check`, nil, &result); err != nil {
			return err
		}
		if result != "ok" {
			t.Error(result)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

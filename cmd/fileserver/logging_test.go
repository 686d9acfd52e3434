package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLogFormats(t *testing.T) {
	var b bytes.Buffer
	log, err := newLog(&b, "warn", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not shown")
	log.WithField("worker", 1).Warn("two\nlines")
	if got := b.String(); !strings.HasPrefix(got, "time=") || !strings.HasSuffix(got, " level=warning msg=\"two\\nlines\" worker=1\n") {
		t.Errorf("text: %q", got)
	}
	b.Reset()
	if log, err = newLog(&b, "debug", "json"); err != nil {
		t.Fatal(err)
	}
	log.Debug("shown")
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["msg"] != "shown" {
		t.Errorf("json: %q, %v", b.String(), err)
	}
}

func TestJournalPriorities(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil { // lint:allow a regular file
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	log, err := newLog(file, "debug", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.Error("e")
	log.Warn("w")
	log.Info("i")
	log.Debug("d")
	fmt.Fprintf(file, "%slast\n", journalPrefix(file, priorityError))
	got, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := "<3>level=error msg=e\n<4>level=warning msg=w\n<6>level=info msg=i\n<7>level=debug msg=d\n<3>last\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	t.Setenv("JOURNAL_STREAM", "1:1")
	if toJournal(file) {
		t.Error("another stream is taken for the journal")
	}
}

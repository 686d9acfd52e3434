package main

import (
	"fmt"
	"strings"
	"time"

	"sluice/internal/syncer"
)

// event tells one name's fate: as a JSON line, or in words with --verbose and --dry-run. Failures are told at the end.
func (p *program) event(e syncer.Event) {
	if p.flags.json {
		_ = p.printJSON(struct {
			Event  string `json:"event"`
			Path   string `json:"path"`
			Folder bool   `json:"folder,omitempty"`
			Size   int64  `json:"size,omitempty"`
			Reason string `json:"reason,omitempty"`
		}{string(e.What), nameJSON(e.Path), e.Folder, e.Size, e.Reason})
		return
	}
	switch e.What {
	case syncer.Failed, syncer.Skipped, syncer.Conflicts:
		return
	}
	path := visible(e.Path)
	if e.Folder {
		path += "/"
	}
	p.say("%-8s %s", e.What, path)
}

// printTotals is the last line of --json.
func (p *program) printTotals(verb string, t *syncer.Totals, dry bool, code int) error {
	failed, conflicts, skipped := t.Failed()
	return p.printJSON(struct {
		Event          string  `json:"event"`
		Verb           string  `json:"verb"`
		Dry            bool    `json:"dry_run,omitempty"`
		Sent           int64   `json:"files"`
		SentBytes      int64   `json:"bytes"`
		DeltaBytes     int64   `json:"delta_bytes"`
		HoleBytes      int64   `json:"hole_bytes"`
		ResumedBytes   int64   `json:"resumed_bytes"`
		Instant        int64   `json:"instant"`
		InstantBytes   int64   `json:"instant_bytes"`
		Unchanged      int64   `json:"unchanged"`
		UnchangedBytes int64   `json:"unchanged_bytes"`
		Folders        int64   `json:"folders"`
		Set            int64   `json:"set"`
		Deleted        int64   `json:"deleted"`
		Excluded       int64   `json:"excluded"`
		Failed         int     `json:"failed"`
		Conflicts      int     `json:"conflicts"`
		Skipped        int     `json:"skipped"`
		Seconds        float64 `json:"seconds"`
		Exit           int     `json:"exit"`
	}{"done", verb, dry, t.Sent, t.SentBytes, t.CopiedBytes, t.HoleBytes, t.ResumedBytes, t.Instant, t.InstantBytes, t.Unchanged, t.UnchangedBytes, t.Folders, t.Set, t.Deleted,
		t.Excluded, failed, conflicts, skipped, t.Took.Round(time.Microsecond).Seconds(), code})
}

// savings says which bytes of files that were sent did not travel; empty: all did.
func savings(copied, holes, resumed int64) string {
	var parts []string
	if copied > 0 {
		parts = append(parts, size(copied)+" by delta")
	}
	if holes > 0 {
		parts = append(parts, size(holes)+" holes")
	}
	if resumed > 0 {
		parts = append(parts, size(resumed)+" there from before")
	}
	return strings.Join(parts, ", ")
}

// closingLine says what was done and what was saved.
func closingLine(verb string, t *syncer.Totals, dry bool) string {
	var parts []string
	add := func(n int64, text string) {
		if n > 0 {
			parts = append(parts, text)
		}
	}
	sent := size(t.SentBytes)
	if saved := savings(t.CopiedBytes, t.HoleBytes, t.ResumedBytes); saved != "" {
		sent += ", " + saved
	}
	add(t.Sent, fmt.Sprintf("%s %s (%s)", count(t.Sent, "file", "files"), verb, sent))
	add(t.Instant, fmt.Sprintf("%s instant (%s)", thousands(t.Instant), size(t.InstantBytes)))
	add(t.Folders, count(t.Folders, "folder", "folders")+" made")
	add(t.Set, thousands(t.Set)+" only set")
	add(t.Deleted, thousands(t.Deleted)+" deleted")
	add(t.Unchanged, fmt.Sprintf("%s unchanged (%s)", thousands(t.Unchanged), size(t.UnchangedBytes)))
	add(t.Excluded, thousands(t.Excluded)+" excluded")
	failed, conflicts, skipped := t.Failed()
	add(int64(failed), thousands(int64(failed))+" failed")
	add(int64(conflicts), thousands(int64(conflicts))+" left alone, as they changed meanwhile")
	add(int64(skipped), thousands(int64(skipped))+" skipped")
	if len(parts) == 0 {
		parts = []string{"nothing to do"}
	}
	line := strings.Join(parts, ", ")
	if dry {
		return "dry run: " + line
	}
	line += "; " + duration(t.Took)
	if t.SentBytes > 0 && t.Took > 0 {
		line += fmt.Sprintf(", %s/s", size(int64(float64(t.SentBytes)/t.Took.Seconds())))
	}
	return line
}

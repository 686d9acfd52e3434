package syncer

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Problem is one name that was not done, and why.
type Problem struct {
	Path     string
	Reason   string // says what to do where something can be done
	Skipped  bool   // by rule, as a socket is
	Conflict bool   // someone else changed it meanwhile
	Err      error
}

// What says what happened to a name.
type What string

// The events of a push or pull. Their names are part of the documented output.
const (
	Sent      What = "sent"      // its bytes went over the wire
	Instant   What = "instant"   // the content was there already
	Made      What = "made"      // a folder
	Set       What = "set"       // mode and time only
	Deleted   What = "deleted"   // by --delete
	Failed    What = "failed"    // see the reason
	Skipped   What = "skipped"   // sockets, pipes, devices
	Conflicts What = "conflict"  // changed meanwhile
	Unchanged What = "unchanged" // told only when asked for
)

// Event is one name's fate, or in a dry run what its fate would be.
type Event struct {
	What   What
	Path   string
	Folder bool
	Size   int64
	Reason string
}

// Progress is what a display draws from; it may be read at any time. Found and FoundBytes grow until Planned is true.
type Progress struct {
	Planned    atomic.Bool
	Found      atomic.Int64 // names to be sent or fetched
	FoundBytes atomic.Int64
	Done       atomic.Int64
	DoneBytes  atomic.Int64
}

// found counts a name to be sent or fetched.
func (p *Progress) found(bytes int64) {
	p.Found.Add(1)
	p.FoundBytes.Add(bytes)
}

// Totals is what the closing line tells.
type Totals struct {
	Sent           int64 // files and links whose bytes travelled
	SentBytes      int64
	CopiedBytes    int64 // of those: bytes that were taken from what the receiving side had
	HoleBytes      int64 // of those: holes
	ResumedBytes   int64 // of those: what an interrupted run, or another device, had brought before
	Instant        int64 // files and links whose content was there already
	InstantBytes   int64
	Unchanged      int64
	UnchangedBytes int64
	Folders        int64 // made
	Set            int64 // mode and time only
	Deleted        int64
	Excluded       int64
	Took           time.Duration
	Problems       []Problem // in order of path
}

// Failed counts the problems that are failures, Conflicts those that need a person.
func (t *Totals) Failed() (failed, conflicts, skipped int) {
	for i := range t.Problems {
		switch p := &t.Problems[i]; {
		case p.Conflict:
			conflicts++
		case p.Skipped:
			skipped++
		default:
			failed++
		}
	}
	return failed, conflicts, skipped
}

// Err is nil when everything was done.
func (t *Totals) Err() error {
	if len(t.Problems) == 0 {
		return nil
	}
	return &PartError{Totals: t}
}

// PartError says that all was tried and some of it was not done.
type PartError struct{ Totals *Totals }

func (e *PartError) Error() string {
	failed, conflicts, skipped := e.Totals.Failed()
	text := ""
	add := func(n int, what string) {
		if n == 0 {
			return
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", n, what)
	}
	add(failed, "failed")
	add(conflicts, "changed meanwhile and left alone")
	add(skipped, "skipped")
	return text
}

// ExitCode is 6 if a person must look, else 7.
func (e *PartError) ExitCode() int {
	if _, conflicts, _ := e.Totals.Failed(); conflicts > 0 {
		return 6
	}
	return 7
}

func sortProblems(list []Problem) {
	slices.SortStableFunc(list, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
}

package mirror

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/client"
	"sluice/internal/state"
)

// Result counts what a run has done.
type Result struct {
	Sent      int   // files and links that were given to the server
	Fetched   int   // files and links that were taken from it
	Folders   int   // made, on either side
	Moved     int   // on either side
	Deleted   int   // on either side
	Set       int   // modes and times, on either side
	Bytes     int64 // of the contents sent and fetched, as they are, not as they travelled
	Conflicts []state.SyncConflict
	Problems  []Problem
	Rounds    int
	Journal   int64 // the number up to which the server was followed
}

// ExitCode is what the run ends with if it had no error: 7 where something failed, 6 where a conflict needs a person.
func (r *Result) ExitCode() int {
	for i := range r.Problems {
		if !r.Problems[i].Skipped {
			return client.ExitSomeFailed
		}
	}
	if len(r.Conflicts) > 0 {
		return client.ExitConflicts
	}
	return client.ExitDone
}

// SafetyError is a stop of a sync, push or pull: what the run would have done looks like a mistake. Nothing was done.
type SafetyError struct {
	Reason  string
	List    []string // paths that would have been deleted
	Advised bool     // Reason says what to do if it is meant
}

func (e *SafetyError) Error() string { return e.Reason }

// ExitCode is the code of all safety stops.
func (e *SafetyError) ExitCode() int { return client.ExitSafety }

func stop(list []string, format string, args ...any) error {
	return &SafetyError{Reason: fmt.Sprintf(format, args...), List: list}
}

// problem notes what could not be done.
func (m *Mirror) problem(p Problem) {
	m.result.Problems = append(m.result.Problems, p)
	m.Events(Event{Do: "problem", Path: p.Path, Why: p.Reason, Err: p.Err})
}

// finish records how a run ended: the problems there are (those of folders that were not looked at stay; nil: all were), and
// if nothing is left to be done the journal number up to which that is so: rule 14.
func (m *Mirror) finish(looked func(folder string) bool) error {
	before, err := m.State.Problems()
	if err != nil {
		return err
	}
	tries := make(map[string]int, len(before))
	now := make([]state.SyncProblem, 0, len(m.result.Problems))
	for _, p := range before {
		tries[p.Path] = p.Tries
		if looked != nil && (!looked(above(p.Path)) || m.inSet(p.Path)) {
			now = append(now, p)
		}
	}
	for _, p := range m.result.Problems {
		n := tries[p.Path] + 1
		wait := pause(n)
		if p.Wait > 0 {
			n, wait = 1, p.Wait
		}
		now = append(now, state.SyncProblem{Path: p.Path, Reason: p.Reason, Skipped: p.Skipped, Tries: n, Retry: m.Now().Add(wait).UnixNano()})
	}
	b := &state.SyncBatch{}
	if b.Answered, err = m.State.Sent(); err != nil { // what was not answered has turned up by now, or never will
		return err
	}
	if len(before)+len(now) > 0 {
		b.Problems = &now
	}
	failing := slices.ContainsFunc(now, func(p state.SyncProblem) bool { return !p.Skipped })
	root := m.root
	if !failing {
		root.Synced = root.Journal
	}
	if root != m.root || m.own.unsaved {
		b.Root = &root
	}
	if err := m.State.Apply(b); err != nil {
		return err
	}
	m.root, m.own.unsaved = root, false
	return nil
}

// above is the path of the folder a path is in.
func above(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

// hidden says whether a name is one of a transfer under way, which is never part of a tree.
func hidden(name string) bool { return strings.HasPrefix(name, ".sluice-tmp-") }

package live

import (
	"time"

	"sluice/internal/mirror"
	"sluice/internal/state"
)

// State is how a root is, in one word.
type State string

const (
	InSync  State = "in-sync"  // as of the journal number and scan beside it
	Syncing State = "syncing"  // looking, or carrying out what it found
	Pending State = "pending"  // there is something to be done that no one is doing
	Failing State = "failing"  // something cannot be done, and is tried again
	Offline State = "offline"  // the server cannot be reached
	Stopped State = "stopped"  // a safety stop, or a device that is no longer logged in: a person has to look
	Unknown State = "unsynced" // it was never looked at whole
)

// Report is what is known of one root.
type Report struct {
	Dir     string    `json:"dir"`
	Remote  string    `json:"remote"` // as home:docs
	State   State     `json:"state"`
	Journal int64     `json:"journal"`           // the server's changes up to this number are known
	Synced  int64     `json:"synced"`            // up to this number nothing was left to be done; 0: never
	Scanned time.Time `json:"scanned,omitzero"`  // when the last scan of the whole folder ended; zero: never
	Names   int64     `json:"names"`             // that both sides have alike
	Waiting int64     `json:"waiting"`           // names of the server that are not here as it has them
	Why     string    `json:"why,omitempty"`     // of a state that needs it
	Next    time.Time `json:"next,omitzero"`     // when it is tried again; zero: nothing waits
	Pid     int       `json:"pid,omitempty"`     // of the process that keeps it in step; 0: none does
	Watched int       `json:"watched,omitempty"` // folders that are watched
	Asked   int64     `json:"asked,omitempty"`   // looks at everything that it was asked for
	Heard   int64     `json:"heard,omitempty"`   // of them, those that have been made

	Conflicts []Conflict `json:"conflicts"`
	Problems  []Problem  `json:"problems"`
	Blind     []Problem  `json:"unwatched,omitempty"` // folders that cannot be watched, and are scanned instead
}

// Conflict is a file that waits for a person.
type Conflict struct {
	Path  string    `json:"path"`  // this device's version
	Other string    `json:"other"` // the version the server had
	At    time.Time `json:"at"`
}

// Problem is a name that cannot be dealt with.
type Problem struct {
	Path    string    `json:"path"`
	Reason  string    `json:"reason"`
	Skipped bool      `json:"skipped,omitempty"` // of a kind that is never synced: no failure
	Retry   time.Time `json:"retry,omitzero"`
}

// Remembered is the report from what is remembered alone: what the last look has found.
func Remembered(s *state.Sync) (*Report, error) {
	root, err := s.Root()
	if err != nil {
		return nil, err
	}
	r := &Report{
		Dir: root.Dir, Remote: root.Remote + ":" + root.Path, Journal: root.Journal, Synced: root.Synced, Scanned: at(root.Scanned),
		Conflicts: []Conflict{}, Problems: []Problem{},
	}
	if r.Names, r.Waiting, err = s.Count(); err != nil {
		return nil, err
	}
	problems, err := s.Problems()
	if err != nil {
		return nil, err
	}
	failing, waiting := false, false
	for _, p := range problems {
		r.Problems = append(r.Problems, Problem{p.Path, p.Reason, p.Skipped, at(p.Retry)})
		waiting = waiting || !p.Skipped
		failing = failing || !p.Skipped && !mirror.Waits(p.Reason)
	}
	conflicts, err := s.Conflicts()
	if err != nil {
		return nil, err
	}
	for _, c := range conflicts {
		r.Conflicts = append(r.Conflicts, Conflict{c.Path, c.Other, at(c.At)})
	}
	switch {
	case root.Scanned == 0 || root.Synced == 0:
		r.State = Unknown
	case failing:
		r.State = Failing
	case waiting:
		r.State = Pending
	case root.Synced == root.Journal: // what still waits is left alone here, by an ignore file
		r.State = InSync
	default:
		r.State = Pending
	}
	return r, nil
}

// at makes a time of ns since 1970; 0 is no time.
func at(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

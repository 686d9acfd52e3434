package mirror

import (
	"context"
	"errors"
	"time"

	"sluice/internal/client"
	"sluice/internal/reconcile"
)

// ErrMeanwhile is a local name that is no longer what was planned with: it was left alone, and a new plan is to be made.
var ErrMeanwhile = errors.New("it was changed here meanwhile")

// Problem is an entry that could not be dealt with; the others were.
type Problem struct {
	Path    string
	Reason  string // in the user's words
	Err     error
	Skipped bool          // of a kind that is never synced: not a failure
	Wait    time.Duration // it only has to be waited for, this long; 0: it is tried again later and later
}

// Marker is what a root folder is known by, besides its path: rule 3.
type Marker struct {
	Dev, Ino uint64
	Mark     string // the attribute user.sluice.root; empty: it has none, or the file system keeps no attributes
}

// Part says which folder to look at: its own children, or with Deep all below it. With Name it is a file or link, which is looked at
// alone; if it is not there, or a folder, the folder it is in is looked at.
type Part struct {
	Path string
	Deep bool
	Name bool
}

// Folder is the local side. All paths are relative to its root, and nothing is reached through a link. Its methods are
// called by one goroutine at a time. The names they make and remove are durable after Sync.
type Folder interface {
	// Scan reads the folder, or of it the parts. Entries have no numbers and files no hashes (links do). Of folders that
	// are only on the way to a part Part is set. What could not be read is Unknown and told as a problem. Of many files in a
	// folder that are left alone only some are in the tree.
	Scan(ctx context.Context, parts []Part) (*reconcile.Tree, []Problem, error)
	// Ignored says whether a path is left alone, by the ignore files as they were at the last Scan.
	Ignored(path string, folder bool) bool
	// Hash reads a file: e gets its hash and the facts that were true of it. ErrMeanwhile: it keeps changing.
	Hash(ctx context.Context, e *reconcile.Entry) error
	// Mkdir makes a folder. If there is one it is taken.
	Mkdir(path string, mode uint32) (reconcile.Facts, error)
	// Move renames what stands at from, if it still has these facts (of a folder only Ino and Born count), and never
	// replaces anything.
	Move(from, to string, was *reconcile.Entry) (reconcile.Facts, error)
	// Set sets mode and time of what still has the facts of was.
	Set(path string, was *reconcile.Entry, mode uint32, mtime int64) (reconcile.Facts, error)
	// Delete removes a file that still has the facts of was, or a folder that is empty.
	Delete(path string, was *reconcile.Entry) error
	// DeleteSet removes a folder with all it holds, if nothing of it has changed. ErrMeanwhile: it was left alone as a whole.
	DeleteSet(ctx context.Context, path string, was *reconcile.Entry) error
	// Sync makes all names made and removed so far durable; the first one also those of processes before this one.
	Sync() error
	// Check says whether the root is still the one that was opened, and mounted: rule 3.
	Check() error
	// Marker tells what the root is known by.
	Marker() (Marker, error)
	// SetMark gives the root the attribute user.sluice.root; where the file system keeps no attributes nothing happens.
	SetMark(mark string) error
}

// Sent is a local file whose content the server now holds for this account, so that it may be named.
type Sent struct {
	Local *reconcile.Entry // with Hash, Size, Mode, Mtime and Facts as they were when it was read
	Err   error            // it was not sent: ErrMeanwhile, or what went wrong with this file alone
}

// Wanted is a content to be fetched and the name it is to have.
type Wanted struct {
	Remote *reconcile.Entry
	Path   string
	Over   *reconcile.Entry // what stands there and may be replaced, if it still has these facts; nil: nothing
}

// Fetched is a content under its name, durable, name and all.
type Fetched struct {
	Wanted
	Facts reconcile.Facts
	Err   error // ErrMeanwhile: it was left alone; else what went wrong with this file alone
}

// WantedSet is a folder that is to be fetched as one, with all it holds.
type WantedSet struct {
	Remote *reconcile.Entry // with its children, as the server has them
	Path   string
	Over   *reconcile.Entry // what stands there, with all it holds, and may be replaced if nothing of it has changed; nil: nothing
}

// Contents moves bytes. Each calls each with what is done, in any order, from one goroutine at a time; an error of each
// ends it. Errors that concern more than one file are returned: the network, a quota, a full disk.
type Contents interface {
	Send(ctx context.Context, list []*reconcile.Entry, each func([]Sent) error) error
	Fetch(ctx context.Context, list []Wanted, each func([]Fetched) error) error
	// FetchSet fetches a folder with all it holds, and gives it its name when it is whole. It answers with what is there then,
	// durable. ErrMeanwhile: what was there has changed, and was left alone.
	FetchSet(ctx context.Context, w WantedSet) (*reconcile.Entry, error)
}

// Server is the other side's names; *client.Remote is one.
type Server interface {
	Hello() client.HelloReply
	Commit(ctx context.Context, c *client.CommitRequest) (*client.CommitReply, error)
	Stat(ctx context.Context, node int64, path []string) (*client.StatReply, error)
	ListAll(ctx context.Context, node int64) (*client.Listing, error)
	Changes(ctx context.Context, c client.ChangesRequest) (*client.ChangesReply, error)
}

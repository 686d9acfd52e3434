// Package syncer keeps two trees in step, one way: push sends what a local folder holds, pull fetches what the
// server holds.
//
//	scan (local tree) ─┐
//	                   ├─ Compare ─ plan ─ guard ─ executor ─ totals
//	list (server tree) ┘   pure            push: read, hash, have, put-objects, commit
//	                                       pull: get-objects, verify, temporary file, sync, rename
//
// Compare and the guard are pure functions of two trees and options: no clock, no disk, no network. The executors
// never go beyond the plan: what has changed since the trees were read is reported, not forced.
//
// The server's tree is remembered between runs (view.go, kept.go, listings.go): with its journal number it is as good as a
// new listing as long as the number stands still, and else the changes since are applied to it. What a push itself changes
// is applied without asking (own.go). A wrong memory would be a wrong plan, so all that is not certain is listed anew.
//
// What local files held is remembered too (hashes.go), so that a push elsewhere reads only what was changed (known.go), and, where
// the server holds the same at another place, has that copied there (byref.go).
//
// All local files are reached relative to the root's descriptor without following any link (see beneath.go), so
// neither a name sent by a server nor a link swapped in by another process leads out of the folder.
//
// The package knows nothing of terminals and command lines: it tells what it does by events and counters.
package syncer

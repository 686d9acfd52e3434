// Package db is the embedded database: SQLite opened as it must be, one writer, readers beside it, and all of the
// server's SQL.
//
//	store ── Write(fn) ──> queue ──> writer goroutine ── gate (flock) ── BEGIN IMMEDIATE
//	                                                     fn, fn, fn … a savepoint each
//	                                                     COMMIT (FULL), gate opened, OnCommit, all answered
//	store ── Read(fn) ───> pool of read-only connections, one snapshot each
//
// Many requests share one COMMIT, because a commit costs a sync of the disk and a statement does not. Between
// processes a blocking flock makes the turns fair: SQLite's own busy time-out starves all but one of them.
//
// SQL lives in methods on Tx, one file per noun (node.go, past.go, …), and takes and gives plain structs of this
// package. Those methods are exported, which is a break with the habit that an exported method owns its transaction:
// the rules live in store, and one transaction carries many requests of theirs.
//
// What db must not know: rules (who may, what a commit means, quotas), files of contents, requests, logging. Nothing
// but this package touches a type of the driver; a second driver can stand beside it.
package db

// Package state is the client's own SQLite file, kept outside all synced folders: which contents the local files had
// when they were last read or written, so that a later run need not read them again.
//
// All of the client's SQL is here; internal/db opens and migrates. It knows nothing of the network, and what it
// remembers is never needed for correctness: a file whose facts are not exactly the recorded ones is read again, and
// a lost state file costs time only.
package state

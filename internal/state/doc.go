// Package state is the client's own SQLite file, kept outside all synced folders: which contents the local files had
// when they were last read or written, so that a later run need not read them again; transfers that have not ended; and
// what both sides of a two-way sync last agreed on.
//
// All of the client's SQL is here; internal/db opens and migrates. It knows nothing of the network. A lost state file
// loses no content: files are read again, and folders that were synced are merged by content, so that what was deleted
// on one side meanwhile comes back.
package state

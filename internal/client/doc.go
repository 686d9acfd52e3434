// Package client is the protocol seen from the other end: a Remote is one server seen by one device, with a pool of
// connections, typed requests, retries, and the transfer of large contents.
//
//	caller ──> Remote ──> pool ──> connection: caller's goroutine writes, one goroutine reads
//	             │                     │
//	             └── retry, back-off   └── pending requests, answered in order
//
// It must not know what a synced folder is, nor draw anything; it keeps no file of its own. Whatever a server sends is
// checked here (numbers, types, lengths, counts, names, hashes), so that the rooms above may take a value as true.
package client

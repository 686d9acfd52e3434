// Package store is what is kept, and the rules about it: contents (objects, pack segments, partial uploads), the tree of
// names with its journal, accounts and devices. It knows no sockets, no wire format and no SQL: requests arrive as plain
// Go values, rows are read and written through package db.
//
//	bytes arrive -> reserve (quota, range or file) -> written by the caller -> verify -> sync -> folder -> transaction -> reply
//	                                                                                            ^ the instant of commit
//
// Three functions carry the safety of all of it: resolve (held.go) turns a hash into a content, only within what an
// account holds; may (may.go) says who may do what where; and publish (publish.go) is the only place where verified,
// synced bytes become a row. DESIGN.md holds the order of writes and the table of what may exist after a crash.
package store

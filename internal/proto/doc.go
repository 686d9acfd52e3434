// Package proto is the wire: the binary prelude, the table of request types, typed headers with their
// parse and append functions, replies, error codes and limits. docs/PROTOCOL.md describes the same bytes
// for someone who writes a client in another language; golden frames in testdata/proto hold both true.
//
// It knows nothing of sockets, files or the database: bytes in, values out. It is the only package that
// uses gjson, and it never uses gjson's number conversions (they let -1, 1.9, 1e3 and 23 digits through).
package proto

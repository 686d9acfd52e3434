// Package proto is the wire: the binary prelude, the table of request types, typed headers with their
// parse and append functions, replies, error codes and limits. docs/PROTOCOL.md describes the same bytes
// for someone who writes a client in another language; golden frames in testdata/proto hold both true.
//
// It knows nothing of sockets, files or the database: bytes in, values out. It is the only package that
// uses gjson, and it never uses gjson's number conversions (they let -1, 1.9, 1e3 and 23 digits through).
//
//	24 bytes -> ParsePrelude -> CheckRequest: the type's row, lengths within its limits
//	                            CheckReply: an answer to what was asked
//	header   -> Row.Parse:    scan (UTF-8, depth) -> gjson.Valid -> walk: each field known, once, of its kind,
//	            ParseReply    in range, none missing -> the typed value
//	body     -> Row.Body:     may a body of this length follow this header?
//	            Row.Answers   does this reply fit that request?
//
// A type's headers, with the tables of their fields, stand in a file of its name. Both directions are as strict: a
// client trusts a server no more than a server trusts a client. All errors are of type *Error.
package proto

// Package control is the administrator's way to the running server: a Unix socket
// in the data folder, mode 0600, answered by the parent.
//
//	sluiced status  --{"command":"status"}\n-->  parent
//	                <--{"status":{...}}\n-----
//
// One line of JSON each way, at most 64 KiB in, then the connection ends. The answer to a
// reload or an upgrade comes when it is done. The socket outlives an upgrade: the next
// server adopts the listener, and no question is lost between the two. The
// package carries questions and answers and draws up what status shows; it must
// not know how the parent does what is asked. Who can open the socket is the
// administrator: the file mode is the only check.
package control

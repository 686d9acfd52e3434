// Package ask carries one question and its answer over a Unix socket that only its owner
// can open (mode 0600): a line each way, at most 64 KiB in, then the connection ends.
//
// A listener can be handed over to another process, and no question is lost between the
// two. What the lines say belongs to the rooms above.
package ask

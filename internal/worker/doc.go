// Package worker wires one worker process: the hand-off from the parent, the loop, the connections, the job pool, the
// store, and the beat by which the parent sees that the loop turns.
//
//	fd 3 hand-off --> loop --> conn.Set --jobs--> pool --> handler, store
//	                   |  <------ posted results ---'
//	                   '-- beat every second: Beat up, gauges into the page
//
// Two stops. Drain: the parent says so, or SIGTERM, or the hand-off is at its end because the parent has died; then the
// requests in flight are finished within a limit. Kill: the limit is over; what is left is cut off, which the store
// survives by design.
//
// It knows nothing of what a connection says (conn) nor of what is kept (store). Nothing here looks into a request.
package worker

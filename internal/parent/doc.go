// Package parent is the process that stands in front: it binds the listeners, accepts
// connections, hands each to a worker, and keeps the workers alive.
//
//	        listeners            control socket
//	            |                      |
//	      +-----v----------------------v-----+   one goroutine (server.turn): a blocking
//	      |              parent              |   ppoll on the listeners, the workers'
//	      +--+-------------+--------------+--+   channels and an eventfd
//	hand-off |             |              |
//	      +--v---+      +--v---+       +--v---+  fd 3: the hand-off
//	      |slot 0|      |slot 1|       |slot 2|  fd 4: server.lock's open description
//	      +------+      +------+       +------+
//
// All of the parent's state belongs to that one goroutine; what happens elsewhere
// (a child has ended, a signal came) is posted to it. The order of a start: lock the
// data folder, bind, run the start-up child, start the workers.
//
// Workers come and go while the server runs. A reload (reload.go) replaces them one by one;
// an upgrade lets another server take over (successor.go the old side, heir.go the new one,
// estate.go what passes between them). A worker that has been replaced keeps its slot of
// the page and its connections until the last request is done.
//
// The parent reads no byte from a client, opens no database, and takes nothing a worker
// says on trust: a worker is where the hostile bytes are parsed. It must not know what
// a worker does with a connection, nor how the start-up child checks the data.
package parent

// Package conn is the life of a connection on a worker's loop: a table of states (table.go), a small step for each, and
// advance, which alone changes the state and the interest.
//
//	decide -> read-prelude -> read-header -> begin --------------------------> send-reply -> send-body -> read-prelude
//	              ^                            |  \-> recv-body -> finish ---------^             |
//	              |                            |         |  ^        \-- behind --> read-prelude  \-> linger -> closed
//	              |                            |       flush         (the job goes on beside)
//	              |                            \-> park -> resume ------------------^
//	              \--- the next request             a refused body: abort -> discard -> send-reply
//
// What holds everywhere:
//
//   - Only the loop's goroutine touches a Conn. A job gets a request and gives it back by a posted function; while it is
//     out the loop does not look into it.
//   - A step does what it can without blocking, then names the next state or returns errWait. It never calls the poller.
//   - Exactly the prelude is read, then exactly the header. No byte of a body larger than handler.MemoryBody enters a
//     buffer of ours but where the pipe budget is used up, and the next request stays in the socket.
//   - While a job is out for what the peer waits for, the descriptor is out of the epoll set. The one exception is a
//     request that is behind: its body is in, and the connection reads on.
//   - A connection that ends with a job out is only marked; it is released, and its descriptor closed, when the job is
//     back. What Begin took is given back by Finish or Abort, one of them, once.
//   - A limit that passes, a step that fails and a panic all end in one place, failed, which logs once.
//
// It knows nothing of what requests mean (handler), of files but their descriptors (store), nor of who accepted the
// socket (worker).
package conn

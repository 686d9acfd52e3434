// Package poll is the epoll loop of a worker: one goroutine on its own thread that waits for descriptors, timers and
// functions posted by others, and calls back for each.
//
//	turn:  epoll_wait -> events -> posted functions -> timers that are due -> Soon functions -> next turn
//
// Rules that a caller can rely on, each against a known failure:
//
//   - Events are keyed by a Token that is never reused. Descriptor numbers are reused as soon as one is closed, so an
//     event that was fetched before a Remove in the same batch would reach the wrong owner; here it is dropped.
//   - The set is level-triggered. Edge-triggered epoll and splice lose wake-ups together, since EAGAIN from splice
//     does not tell which side it speaks of.
//   - Interest None takes the descriptor out of the set. An empty interest left in the set still reports hang-ups, for
//     ever (111,808 wake-ups in 100 ms were measured).
//   - Write alone does not ask for RDHUP: a peer that has shut down its writing while we send is legal, and the
//     level-triggered report of it would spin until the last byte is out.
//   - A panic in a callback reaches OnPanic with the token it belongs to; the loop goes on.
//
// Only the loop's goroutine may use a Loop, except for Post, Stop and Turns. Before Run and after it the goroutine that
// calls is the loop's. The package owns no descriptor but its own two and must not know what is done with the others:
// it imports nothing of ours, and no other room calls epoll.
package poll

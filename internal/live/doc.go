// Package live keeps folders in step for months: it says when a mirror is to look, and what is told to those who ask.
//
//	inotify ─────── watch.Change ──┐
//	server ──────── news ──────────┤
//	network is back ───────────────┼── Keeper: one round after the other ── Report ── socket
//	clock: retries, daily, blind ──┘
//
// Nothing here decides what happens to a file. A server that cannot be reached is tried again, each time after a longer
// pause, with some chance in it so that many devices do not come back at once; and without waiting when the network
// changes. A device that was revoked is not tried again.
package live

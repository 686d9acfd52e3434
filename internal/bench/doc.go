// Package bench is the benchmark harness: it runs the real programs, the floors and, where installed, rsync's daemon and
// nginx, side by side on loopback, and tells how they compare.
//
// A floor is the least that can do the work, written here in Go: a bare splice loop for downloads, for uploads one that
// does the same work (splice, fallocate, a sync after every 8 MiB, a pass of BLAKE3 at each end), a bare epoll echo for
// small requests, one whose loops accept for new connections. What the product costs beyond its floor is what the product adds.
//
//	harness --starts--> sluiced, sluice, floors (this binary again), rsync, nginx
//	        --starts--> clients of ours that discard or send (this binary again), so that CPU is told apart by process
//
// How it measures, each against a way to be fooled:
//
//   - Variants run interleaved, several rounds, in a new order each round; figures are medians, and ratios are medians of
//     the ratios within one round. The speed of a virtual machine moves by a factor of two within minutes.
//   - Before each run memory is touched and given back, and dirty pages are written out: pages the host has not backed yet
//     cost up to six times a copy, and a run would else pay for its predecessor's write-back.
//   - Every run has a new folder, with the parent's T attribute where it works: creating files right after deleting many
//     is up to nine times slower on ext4. Trees are deleted only at the end.
//   - Every upload sends new bytes, because a server that knows the content would take none.
//   - CPU of servers is read from the clocks of the process and all below it; CPU of clients from their rusage.
//   - The congestion control is named. With -congestion, as root, everything runs in a network namespace of its own whose
//     loopback routes ask for it, peers included.
//
// Remote is apart from all this: it measures a server that runs somewhere through the client's package alone, as `sluice
// bench` does. No floors, no peers, no CPU but the client's.
//
// The harness listens on and talks to loopback only. It may use client, splice, poll and hash; all else of the product it sees
// from outside, as a user does, which is why it builds the few frames it needs by hand.
package bench

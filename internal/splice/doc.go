// Package splice moves bytes between descriptors through a pipe, without copying them through the program: fill (a
// socket or file into the pipe) and flush (the pipe into a socket or file). Neither blocks on a socket.
//
//	socket --fill--> pipe --flush--> file      an upload (the kernel copies once, into the page cache)
//	file   --fill--> pipe --flush--> socket    a download (no copy; the socket refers to the page cache)
//	socket --fill--> pipe --flush--> socket    from one connection to another
//
// Rules, each against a known failure:
//
//   - Only an empty pipe is filled. EAGAIN from splice does not say which side it speaks of; with an empty pipe it is
//     the source's on fill and the destination's on flush.
//   - The pipe counts its bytes. It is full by slots, not bytes: sixteen segments of one byte fill a pipe of 64 KiB.
//   - A pipe with bytes left from a transfer that failed is closed, never pooled: it would give one user's bytes to
//     another.
//   - All processes of a user share 64 MiB of pipe (fs.pipe-user-pages-soft). Above it a pipe cannot be enlarged (EPERM)
//     and a new one holds 8 KiB. So pipes belong to transfers that are active, come from a pool with a budget, and a small
//     one is normal and counted, not an error. Root is exempt, which hides this in tests.
//   - Sockets must be non-blocking by themselves: SPLICE_F_NONBLOCK speaks of the pipe only.
//
// The border to plain read and write, as measured on a 2-core machine with Linux 6.18, loopback, ext4: up to 4 KiB down
// and 16 KiB up plain calls cost 6 to 25 % less; from 64 KiB on splice with large pipes costs 18 to 68 % less CPU. Between
// them nothing stands out. A pipe of 1 MiB beats one of 64 KiB by 1.3 to 1.6 times, and with only 64 KiB splice loses
// against recv and pwrite of 256 KiB (0.55 against 0.50 CPU-seconds per GiB), which is why the size is asked for.
//
// Spliced pages are the page cache's: a file that is overwritten, truncated or punched while its bytes wait in a pipe or
// socket reaches the peer with the new bytes. The package does not know files from sockets, owns no descriptor but its
// pipes, and imports nothing of ours; no other room calls splice.
package splice

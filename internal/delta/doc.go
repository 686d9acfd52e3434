// Package delta finds what a file has in common with a content that the other side holds, from a signature of that content.
//
// The content is cut into blocks. Its signature has one entry a block, 8 bytes:
//
//	block    |-- 64 --|----- ... -----|        64 KiB at least, the last one may be shorter
//	          weak      4 bytes: a rolling hash of its first 64 bytes, by which a block is found at any offset
//	         |- 2 KiB -| ... |- 2 KiB -|
//	            ends    4 bytes: a hash of both its ends
//
// or, where it is asked for, a hash of the whole block. A scan goes once through the file. After a match the next block is
// expected to follow at once, and then the one behind it, so a file that was extended, cut or overwritten in place costs
// one comparison a block; only where both fail is every offset tried.
//
// The ends say that nothing was inserted into a block or taken from it, not that no byte of it was overwritten. So a match
// is a guess, and made to be a cheap one: the server touches 4 KiB of each 64 for it, and whoever builds the file compares the
// result with its BLAKE3, as for anything that arrives. Where the guess was wrong the scan is done again with the sums of
// whole blocks. Those are hints as well: two blocks with the same sum cost a transfer, never a wrong byte.
//
// A scan takes time in proportion to the file, whatever file and signature hold: comparisons are paid for by the bytes
// passed.
//
// Both sides use the package; it knows nothing of sockets or requests and imports nothing of ours.
package delta

// Package hash is plain BLAKE3-256, what b3sum prints, also put together from subtrees: a content is cut into chunks of
// 8 MiB, each chunk's chaining value is computed by itself, in any order and on any connection, and the hash of the whole
// follows from the values alone.
//
//	content   |--- chunk 0 ---|--- chunk 1 ---|- 2 -|
//	values          v0               v1          v2
//	                  \____ p01 ____/            /
//	                          \____ root _______/      = Sum(content)
//
// It works because 8 MiB is 8,192 of BLAKE3's own 1 KiB chunks, a power of two: every chunk of ours but the last is a
// complete subtree. A content of a single chunk has no such parent; its hash is Sum.
//
// Both sides use the package; it knows nothing of files, sockets or requests and imports nothing of ours.
package hash

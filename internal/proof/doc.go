// Package proof is how one proves to have a content without sending it. A hash is no proof: it can be learned, and whoever
// could exchange a hash for its content could fetch what others keep. So the server gives out a nonce, and is answered
// with tags that only the bytes themselves can make.
//
//	have(hash, size)   ->  nonce = id, end, MAC under the server's secret of whom and what it was given for
//	ranges             =   from nonce and size alone: all of the content up to 64 MiB, else 64 blocks of 64 KiB
//	key                =   from nonce, server, account and content: a tag made for one is of no use to another
//	tag i              =   16 bytes of BLAKE3 under key of range i's bytes, and i
//	prove(nonce, tags) ->  linked, or send
//
// Large contents are cut into 64 strata of whole blocks, and one block is drawn from each. Whoever lacks a share of the
// bytes, wherever they lie, passes at best as seldom as with 64 independent draws: with half of them once in 2^64 times,
// with nine tenths once in 850.
//
// Both sides use the package; it knows nothing of files, sockets or requests and imports nothing of ours.
package proof

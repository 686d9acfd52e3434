// Package handoff is the channel between the parent and one worker: a SOCK_SEQPACKET pair that carries messages of 32
// bytes and, with some, a descriptor. One with a descriptor is a packet of its own; up to 16 without may share one, and one
// system call sends or fetches up to 16 packets.
//
//	parent --- socket (an accepted descriptor), moved (the same, from another worker), drain ---> worker
//	parent <-- ready, beat, known, gone, move (a descriptor for another worker) ----------------- worker
//
// The parent treats workers as hostile, so Recv takes nothing on trust: length, kind, reserved bytes and whether a
// descriptor belongs to the kind are checked, and no descriptor that is not returned stays open. End of file is a message
// too: to the worker it says "finish and leave", to the parent that the worker is gone.
//
// A queue that is full (278 descriptors were measured) is back-pressure: ErrFull, try another worker. The package is the
// only one that speaks SCM_RIGHTS, and it must not know what the descriptors are for. It imports nothing of ours.
package handoff

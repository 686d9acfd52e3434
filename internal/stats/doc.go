// Package stats is the page of counters that the parent, its workers and the
// administrator's commands share.
//
//	DATA/page   +--------------+  0     magic, version, size
//	            | header       |  64    the change counter, alone on its cache line
//	            |              |  128   the parent's counters
//	            |              |  640   the data folder's disk, written by any worker
//	            +--------------+  4096
//	            | slot 0       |        one worker each, written by that worker
//	            | ...          |        and, for pid, state and restarts, by the parent
//	            | slot 127     |
//	            +--------------+  4096 + 128*2048
//
// Every value is one 64-bit atomic: nothing here is locked, and no two values
// belong together. A slot outlives its worker, so that counters go on when a
// worker is restarted; what only describes the living worker is reset by it.
//
// The package names what is counted but does not know what it means, and imports nothing of ours. Nobody
// may decide anything that matters by a number another process wrote here.
package stats

// Package mirror keeps a local folder and a folder of the server the same, both ways.
//
//	        ┌── Folder.Scan ──── local ───┐
//	State ──┤                    agreed ──┼── reconcile ── guard ── steps ──┬── Folder, Server: names
//	        └── Server.Changes ─ remote ──┘         ▲                       ├── Contents: bytes
//	                                                └──── refused: anew ────┴── State: agreed
//
// A round reads both sides, plans, and carries the plan out: what was refused, because something changed meanwhile, is
// planned again and never forced. What both sides agreed on is recorded only after it is durable on both.
//
// One goroutine decides; the interfaces of ports.go do the work. With the simulator's disks and server in their place
// the same engine runs from a seed, is stopped at any step and started again.
package mirror

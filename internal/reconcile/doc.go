// Package reconcile decides what a two-way sync has to do. It is a pure function of three trees: what is here (local),
// what is on the server (remote), and what both were when they were last the same (agreed).
//
//	local ──── Match ──┐
//	agreed ────────────┼── Plan ── guard ── steps
//	remote ────────────┘
//
// It knows no clock, no disk and no network, and nothing here is random: the same trees give the same plan. An entry is
// known by the number of its node, not by its path, so that the rename of a folder is one step however much the folder
// holds. What the plan takes for granted of a side is in the entries its steps point to: whoever carries a step out
// checks that it still holds, and makes a new plan where it does not.
package reconcile

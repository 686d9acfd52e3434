package parent

import (
	"net/netip"
)

// table is what the parent remembers of each connection it has handed over: where it
// is, and whether it still counts against its address.
type table struct {
	all     map[uint64]entry
	unknown map[netip.Addr]int // connections that are not logged in, by source
	next    uint64
	strange int // sum of unknown
}

type entry struct {
	slot   int
	source netip.Addr // zero: logged in
}

func newTable() *table {
	return &table{all: make(map[uint64]entry), unknown: make(map[netip.Addr]int)}
}

// source is what limits are counted by: an IPv4 address, or the /64 a single customer
// usually has to himself.
func source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}

// add notes a connection that slot has been given and returns its number. One from nowhere counts against no address.
func (t *table) add(slot int, from netip.Addr) uint64 {
	t.next++
	t.all[t.next] = entry{slot: slot, source: from}
	if from.IsValid() {
		t.unknown[from]++
		t.strange++
	}
	return t.next
}

// know notes that slot says connection n is logged in; false: it is not slot's, or was
// logged in already.
func (t *table) know(slot int, n uint64) bool {
	e, ok := t.all[n]
	if !ok || e.slot != slot || !e.source.IsValid() {
		return false
	}
	t.forget(e.source)
	t.all[n] = entry{slot: slot}
	return true
}

// remove notes that slot says connection n is closed; false: it is not slot's.
func (t *table) remove(slot int, n uint64) bool {
	e, ok := t.all[n]
	if !ok || e.slot != slot {
		return false
	}
	t.forget(e.source)
	delete(t.all, n)
	return true
}

// removeSlot drops all connections of a worker that is gone.
func (t *table) removeSlot(slot int) {
	for n, e := range t.all {
		if e.slot == slot {
			t.forget(e.source)
			delete(t.all, n)
		}
	}
}

func (t *table) forget(from netip.Addr) {
	if !from.IsValid() {
		return
	}
	t.strange--
	if t.unknown[from]--; t.unknown[from] == 0 {
		delete(t.unknown, from)
	}
}

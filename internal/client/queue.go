package client

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// queue hands out chunks; one that is busy goes to the end.
type queue struct {
	mu    sync.Mutex
	todo  []int64
	tries map[int64]int
}

// newQueue hands out chunks 0 to n-1.
func newQueue(n int64) *queue {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i)
	}
	return queueOf(all)
}

// queueOf hands out chunks in this order; it takes the list over.
func queueOf(chunks []int64) *queue { return &queue{todo: chunks, tries: make(map[int64]int)} }

func (q *queue) next() (index int64, tries int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.todo) == 0 {
		return 0, 0, false
	}
	index, q.todo = q.todo[0], q.todo[1:]
	return index, q.tries[index], true
}

func (q *queue) back(index int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.todo = append(q.todo, index)
	q.tries[index]++
}

// leap goes on at another place: where it was, somebody else is at work.
func (q *queue) leap() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.todo); n > 1 {
		from := rand.IntN(n)
		q.todo = slices.Concat(q.todo[from:], q.todo[:from])
	}
}

// tally tells of bytes that are safe, of each chunk once.
type tally struct {
	mu   sync.Mutex
	tell func(n int64)
	told map[int64]bool
}

func newTally(tell func(n int64)) *tally { return &tally{tell: tell, told: make(map[int64]bool)} }

func (t *tally) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tell != nil && n > 0 {
		t.tell(n)
	}
}

func (t *tally) at(index, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tell != nil && !t.told[index] {
		t.told[index] = true
		t.tell(n)
	}
}

package reconcile

import "math/bits"

// queue gives the tasks that wait for nothing in the order of their phases. A place in it is a bit: a first sync has as many tasks
// as names, and a heap took a third of the plan's time.
type queue struct {
	place []int // of each task
	tasks []int // at each place
	words []uint64
	low   int // no word before it has a bit
	count int
}

func newQueue(tasks []task) *queue {
	q := &queue{place: make([]int, len(tasks)), tasks: make([]int, len(tasks)), words: make([]uint64, (len(tasks)+63)/64)}
	var next [phases]int
	for i := range tasks {
		next[tasks[i].phase]++
	}
	end := 0
	for phase, n := range next {
		next[phase], end = end, end+n
		if deepestFirst(uint8(phase)) {
			next[phase] = end - 1
		}
	}
	for i := range tasks {
		phase := tasks[i].phase
		at := next[phase]
		q.place[i], q.tasks[at] = at, i
		if deepestFirst(phase) {
			next[phase]--
		} else {
			next[phase]++
		}
	}
	return q
}

func (q *queue) push(task int) {
	at := q.place[task]
	q.words[at/64] |= 1 << (at % 64)
	q.low = min(q.low, at/64)
	q.count++
}

// pop takes the first one out. There must be one.
func (q *queue) pop() int {
	for q.words[q.low] == 0 {
		q.low++
	}
	bit := bits.TrailingZeros64(q.words[q.low])
	q.words[q.low] &^= 1 << bit
	q.count--
	return q.tasks[q.low*64+bit]
}

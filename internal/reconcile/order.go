package reconcile

import (
	"slices"
	"strconv"
)

// task is a step that waits for others.
type task struct {
	step  Step
	node  *node
	side  side
	phase uint8
	needs []need

	waits int  // for so many needs
	out   bool // it cannot be done now, or another one it needs cannot
	done  bool
	away  bool // its entry was moved to a temporary name already
}

// need is a task that must be done before. free: for the name it leaves, not for the place it gives.
type need struct {
	task int
	free bool
}

func (p *planner) task(n *node, s side, phase uint8, step Step) int {
	step.Local, step.Remote = n.e[here], n.e[there]
	step.Agreed = n.agreed()
	if step.Do == Aside {
		step.Agreed = n.was
	}
	p.tasks = append(p.tasks, task{step: step, node: n, side: s, phase: phase})
	return len(p.tasks) - 1
}

// order puts the steps into an order in which each finds what it needs.
func (p *planner) order() []Step {
	for i := range p.tasks {
		if !p.need(i) {
			p.tasks[i].out = true
		}
	}
	users := p.users()
	p.leaveOut(users)
	q := newQueue(p.tasks)
	for i := range p.tasks {
		if t := &p.tasks[i]; !t.out {
			if t.waits = len(t.needs); t.waits == 0 {
				q.push(i)
			}
		}
	}
	steps := make([]Step, 0, len(p.tasks))
	stuck := 0
	for {
		for q.count > 0 {
			i := q.pop()
			t := &p.tasks[i]
			t.done = true
			steps = append(steps, t.step)
			p.release(q, users[i], i, t.away, false)
		}
		for stuck < len(p.tasks) && (p.tasks[stuck].done || p.tasks[stuck].out) {
			stuck++
		}
		if stuck == len(p.tasks) {
			return steps
		}
		i := p.inTheWay(stuck)
		t := &p.tasks[i]
		t.away = true
		steps = append(steps, p.moveAside(t))
		p.release(q, users[i], i, false, true)
	}
}

// need finds what task i has to wait for. false: it cannot be done, for something that stays is in its way.
func (p *planner) need(i int) bool {
	t := &p.tasks[i]
	n := t.node
	first := len(p.needs)
	wait := func(task int, free bool) {
		if task >= 0 && task != i {
			p.needs = append(p.needs, need{task, free})
			t.needs = p.needs[first:]
		}
	}
	switch t.step.Do {
	case Agree, Forget, Read, Aside:
		return true
	case UpDelete, DownDelete:
		for _, c := range n.e[t.side].Children {
			k := p.of(c)
			if k.leave[t.side] < 0 {
				return false
			}
			wait(k.leave[t.side], true)
		}
		slices.SortFunc(t.needs, func(a, b need) int { return a.task - b.task })
		return true
	}
	if n.settle[t.side] != i {
		wait(n.settle[t.side], false)
		if t.step.Do != UpPut {
			wait(n.settle[t.side.other()], false) // both have the one place by then
		}
		return true
	}
	if n.aside {
		wait(n.leave[here], false)
	}
	folder := n.parent
	wait(folder.settle[t.side], false)
	f := folder.e[t.side]
	if f == nil {
		return folder.settle[t.side] >= 0 && p.tasks[folder.settle[t.side]].node == folder
	}
	if f.Unknown || folder.shut {
		return false // nobody knows whether the name is free in it
	}
	if other := f.Children[n.name]; other != nil && other != n.e[t.side] {
		k := p.of(other)
		if k.leave[t.side] < 0 {
			return false
		}
		wait(k.leave[t.side], true)
	}
	return true
}

// users tells for each task which ones need it.
func (p *planner) users() [][]int {
	counts := make([]int, len(p.tasks))
	for i := range p.needs {
		counts[p.needs[i].task]++
	}
	users, room := make([][]int, len(p.tasks)), make([]int, len(p.needs))
	for i, n := range counts {
		users[i], room = room[:0:n], room[n:]
	}
	for i := range p.tasks {
		for _, w := range p.tasks[i].needs {
			users[w.task] = append(users[w.task], i)
		}
	}
	return users
}

// leaveOut takes out what needs something that cannot be done.
func (p *planner) leaveOut(users [][]int) {
	var list []int
	for i := range p.tasks {
		if p.tasks[i].out {
			list = append(list, i)
		}
	}
	for len(list) > 0 {
		i := list[len(list)-1]
		list = list[:len(list)-1]
		for _, u := range users[i] {
			if !p.tasks[u].out {
				p.tasks[u].out = true
				list = append(list, u)
			}
		}
	}
}

// release tells the users of task i that it is done; of those that need only the name it leaves some may know already.
func (p *planner) release(q *queue, users []int, i int, knowFree, onlyFree bool) {
	for _, u := range users {
		t := &p.tasks[u]
		for _, w := range t.needs {
			if w.task != i || w.free && knowFree || !w.free && onlyFree {
				continue
			}
			if t.waits--; t.waits == 0 && !t.out {
				q.push(u)
			}
		}
	}
}

// inTheWay follows what task i waits for until it comes round, and finds a move in that circle whose name another one of
// it waits for.
func (p *planner) inTheWay(i int) int {
	at := map[int]int{}
	var path []int // each waits for the next
	var free []bool
	for {
		if from, ok := at[i]; ok {
			path, free = path[from:], free[from:]
			break
		}
		at[i] = len(path)
		path = append(path, i)
		for _, w := range p.tasks[i].needs {
			if t := &p.tasks[w.task]; !t.done && !(t.away && w.free) {
				i = w.task
				free = append(free, w.free)
				break
			}
		}
	}
	found := -1
	for k := range path {
		next := path[(k+1)%len(path)]
		if do := p.tasks[next].step.Do; free[k] && (do == UpMove || do == DownMove) && (found < 0 || next < found) {
			found = next
		}
	}
	return found
}

func (p *planner) moveAside(t *task) Step {
	s := t.step
	s.Do = UpMoveAside
	if t.side == here {
		s.Do = DownMoveAside
	}
	s.Name = p.tempName(s.Remote.ID)
	s.Why = "its place is taken by what waits for its own: it makes room for a moment"
	return s
}

// tempName is free on both sides.
func (p *planner) tempName(id int64) string {
	name := TempPrefix + strconv.FormatInt(id, 10)
	for n := 2; ; n++ {
		if p.root.e[here].Children[name] == nil && p.root.e[there].Children[name] == nil {
			return name
		}
		name = TempPrefix + strconv.FormatInt(id, 10) + "-" + strconv.Itoa(n)
	}
}

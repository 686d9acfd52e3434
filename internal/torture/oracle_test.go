package torture

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/client"
)

// oracle is the file in which clients note what was acknowledged to them, outside of the victim's disk: one line for each
// name, before anything else is asked for. What the server must still know after a crash is read from this file alone.
type oracle struct {
	*round
	path  string
	mu    sync.Mutex
	file  *os.File // appended to, one write a batch
	acks  atomic.Int64
	marks []mark // guarded by mu; only where a clock of another kind is kept
	clock func() int
}

// ack is one name as a server acknowledged it.
type ack struct {
	actor   int
	path    string // below the actor's folder
	gone    bool   // it was deleted, or moved away
	node    int64
	version int64 // journal number
	hash    client.Hash
	size    int64
}

// mark says how far the file went when the clock stood at tick.
type mark struct {
	tick  int
	bytes int64
}

func (r *round) newOracle() *oracle {
	r.Helper()
	o := &oracle{round: r, path: r.path("acknowledged-%d", time.Now().UnixNano())}
	var err error
	o.file, err = os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	r.must(err)
	r.Cleanup(func() { o.file.Close() })
	return o
}

// note appends what one reply acknowledged.
func (o *oracle) note(acks []ack) {
	var b strings.Builder
	for _, a := range acks {
		gone := 0
		if a.gone {
			gone = 1
		}
		fmt.Fprintf(&b, "%d %s %d %d %d %x %d\n", a.actor, a.path, gone, a.node, a.version, a.hash[:], a.size)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.file.WriteString(b.String()); err != nil {
		o.Errorf("note what was acknowledged: %v", err)
	}
	o.acks.Add(int64(len(acks)))
	if o.clock != nil {
		at, _ := o.file.Seek(0, 1)
		o.marks = append(o.marks, mark{o.clock(), at})
	}
}

// read gives the last that was acknowledged about every name, by actor and path, as the first so many bytes of the file
// tell; limit below 0: all of it.
func (o *oracle) read(limit int64) map[int]map[string]ack {
	o.Helper()
	f, err := os.Open(o.path)
	o.must(err)
	defer f.Close()
	all := make(map[int]map[string]ack)
	lines := bufio.NewScanner(f)
	for at := int64(0); lines.Scan(); {
		line := lines.Text()
		if at += int64(len(line)) + 1; limit >= 0 && at > limit {
			break
		}
		a := o.parse(line)
		names := all[a.actor]
		if names == nil {
			names = make(map[string]ack)
			all[a.actor] = names
		}
		names[a.path] = a
	}
	o.must(lines.Err())
	return all
}

// parse reads a line.
func (o *oracle) parse(line string) (a ack) {
	o.Helper()
	var gone int
	var sum []byte
	if _, err := fmt.Sscanf(line, "%d %s %d %d %d %x %d", &a.actor, &a.path, &gone, &a.node, &a.version, &sum, &a.size); err != nil {
		o.Fatalf("line %q: %v", line, err)
	}
	copy(a.hash[:], sum)
	a.gone = gone == 1
	return a
}

package torture

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/db"
	"sluice/internal/store"
)

// TestReplay is D3: everything a disk was told is recorded while clients upload. Then every state is made that the disk may be
// in after a power cut: all that came before a flush, and of what came after it any part. From each the server must recover with
// everything that had been acknowledged by then, and agree with itself.
func TestReplay(t *testing.T) {
	t.Parallel()
	r := begin(t)
	r.needDisk("ext4")
	size, shape := int64(32<<20), everyday
	shape.chunked = 60
	if r.long { // others send large contents then
		size, shape = 256<<20, everyday
	}
	recorder := r.newRecorder(size)
	d := &disk{round: r, kind: "ext4", mount: r.mountPoint("disk")}
	d.attach(recorder.file())
	r.Cleanup(d.remove)
	r.shell("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", d.device)
	d.plug()
	data := filepath.Join(d.mount, "data")
	s := r.newServer(data, 2, r.serverArgs()...)
	s.start()
	f := s.newFleet(3, shape)
	f.addLightToil()
	unix.Sync()
	base := recorder.forget()
	f.clock = recorder.at
	f.begin()
	wanted := r.pick(30, 520) // flushes; some come with the end
	r.within(5*time.Minute, "a record that is long enough", func() bool {
		flushes := 0
		for _, e := range recorder.recorded() {
			if e.data == nil {
				flushes++
			}
		}
		return flushes >= wanted && f.varied() || f.faults.Load() > 0
	})
	f.rest()
	f.verify(true)
	s.killAll()
	d.unplug()
	log := recorder.recorded()
	d.remove()
	d.device = ""

	flushed := 0
	for _, e := range log {
		if e.data == nil {
			flushed++
		}
	}
	r.Logf("%v; %d writes and %d flushes recorded", f, len(log)-flushed, flushed)
	again := &replay{round: r, oracle: f.oracle, actors: f.actors, log: log, image: base, random: r.random(7), every: max(1, flushed/wanted)}
	again.prepare(size)
	again.all(r.pick(1, 10))
	r.Logf("%d states of the disk checked", again.states)
	if r.long && r.share >= 1 && again.states < 5000 {
		r.Errorf("%d states were checked, the round wants 5,000", again.states)
	}
}

// replay makes states of a disk from a record and looks at each.
type replay struct {
	*round
	oracle *oracle
	actors []*actor
	log    []record
	image  []byte // all that was flushed so far
	state  []byte // that, and what more the state to be checked has
	random *rand.Rand
	disk   *disk
	file   *os.File // behind the disk's loop device
	mapped []byte   // its bytes, to be read only: to write them may end in SIGBUS where memory is short
	lines  []line

	every           int // one flush in so many is looked at, where the record is longer than was wanted
	flushes, states int
}

// line is one acknowledgement, and where its line ends in the oracle's file.
type line struct {
	ack
	end int64
}

func (p *replay) prepare(size int64) {
	p.Helper()
	p.state = append([]byte(nil), p.image...)
	// In memory where there is room for it.
	dir := "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		dir = p.dir
	}
	var err error
	p.file, err = os.CreateTemp(dir, fmt.Sprintf("%s%d-", leavings, os.Getpid()))
	p.must(err)
	path := p.file.Name()
	p.Cleanup(func() { p.file.Close(); os.Remove(path) })
	_, err = p.file.WriteAt(p.image, 0)
	p.must(err)
	p.must(p.file.Truncate(size))
	p.must(p.raw(func(fd int) (err error) {
		p.mapped, err = unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
		return err
	}))
	p.Cleanup(func() { unix.Munmap(p.mapped) })
	p.disk = &disk{round: p.round, kind: "ext4", mount: p.mountPoint("state")}
	p.disk.attach(path)
	p.Cleanup(p.disk.remove)
	f, err := os.Open(p.oracle.path)
	p.must(err)
	defer f.Close()
	at := int64(0)
	for scan := bufio.NewScanner(f); scan.Scan(); {
		at += int64(len(scan.Text())) + 1
		p.lines = append(p.lines, line{p.oracle.parse(scan.Text()), at})
	}
}

// all goes through the record: at a flush the state as it was flushed, and some states of what came after it.
func (p *replay) all(subsets int) {
	p.Helper()
	from := 0 // after the last flush
	looked := true
	for i := 0; i <= len(p.log); i++ {
		if i < len(p.log) && p.log[i].data != nil {
			continue
		}
		// Writes from..i-1 came after the last flush; then comes a flush, or the end.
		if from > 0 && looked { // before the first flush the disk is what it was
			for range subsets {
				if i == from {
					break
				}
				until := from + 1 + p.random.IntN(i-from)
				p.partly(from, until, fmt.Sprintf("after flush %d, with some of the %d writes up to %d", p.flushes, until-from, until))
			}
		}
		if i == len(p.log) {
			break
		}
		for _, e := range p.log[from:i] {
			copy(p.image[e.offset:], e.data)
			copy(p.state[e.offset:], e.data)
		}
		p.flushes++
		from = i + 1
		if looked = p.random.IntN(p.every) == 0; looked {
			p.check(from, fmt.Sprintf("at flush %d", p.flushes))
		}
	}
}

// partly checks the flushed image with some of the writes from..until-1: each of their 4 KiB came to the disk or did not.
func (p *replay) partly(from, until int, what string) {
	p.Helper()
	likely := p.random.Float64()
	for _, e := range p.log[from:until] {
		for at := 0; at < len(e.data); at += block {
			if p.random.Float64() < likely {
				copy(p.state[e.offset+int64(at):], e.data[at:min(at+block, len(e.data))])
			}
		}
	}
	p.check(until, what)
	for _, e := range p.log[from:until] {
		copy(p.state[e.offset:], p.image[e.offset:e.offset+int64(len(e.data))])
	}
}

// block is what a disk writes or does not.
const block = 4096

// lay makes the disk what the state is. Most of it is as the last check left it: only what differs is written, as the time a
// state takes decides how many there are.
func (p *replay) lay() {
	p.Helper()
	const step = 64 * block
	for at := 0; at < len(p.state); at += step {
		end := min(at+step, len(p.state))
		if bytes.Equal(p.mapped[at:end], p.state[at:end]) {
			continue
		}
		for one := at; one < end; one += block {
			if part := p.state[one:min(one+block, end)]; !bytes.Equal(p.mapped[one:one+len(part)], part) {
				_, err := p.file.WriteAt(part, int64(one))
				p.must(err)
			}
		}
	}
}

// raw is the descriptor of the disk's file.
func (p *replay) raw(do func(fd int) error) error {
	c, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	if e := c.Control(func(fd uintptr) { err = do(int(fd)) }); e != nil {
		return e
	}
	return err
}

// check starts from the state of the disk and compares what is there with what had been acknowledged when the record was tick long.
func (p *replay) check(tick int, what string) {
	p.Helper()
	if p.states++; p.states%500 == 0 { // a long round tells how far it has come
		p.Logf("%d states checked, at flush %d", p.states, p.flushes)
	}
	p.lay()
	if err := unix.Mount(p.disk.device, p.disk.mount, "ext4", 0, ""); err != nil {
		p.Fatalf("%s: the file system cannot be mounted: %v", what, err)
	}
	p.disk.mounted = true
	data := filepath.Join(p.disk.mount, "data")
	if err := store.StartUp(data, func(string) {}); err != nil {
		p.Fatalf("%s: start-up: %v", what, err)
	}
	p.problems(what, p.round.check(data).problems)
	standing := p.standing(data)
	limit := int64(0)
	for _, m := range p.oracle.marks {
		if m.tick <= tick {
			limit = max(limit, m.bytes)
		}
	}
	type place struct {
		actor int
		path  string
	}
	told := make(map[place][]line)
	for _, l := range p.lines {
		at := place{l.actor, l.path}
		if l.end <= limit {
			told[at] = told[at][:0] // only the last counts
		}
		told[at] = append(told[at], l)
	}
	for at, lines := range told {
		is, there := standing[at.actor][at.path]
		delete(standing[at.actor], at.path)
		good := !there && lines[0].end > limit // nothing had been said of it yet
		for _, l := range lines {
			// What stands may also be what was acknowledged a moment later.
			good = good || l.gone && !there || there && !l.gone && l.version == is.version && l.hash == is.hash && l.node == is.node
		}
		if !good {
			p.Errorf("%s: actor %d: %q stands: %v %+v; told was %+v", what, at.actor, at.path, there, is, lines[0])
		}
	}
	for actor, names := range standing {
		for path := range names {
			p.Errorf("%s: actor %d: %q stands, and nobody was ever told", what, actor, path)
		}
	}
	if p.Failed() {
		p.FailNow()
	}
	p.disk.unplug()
}

// standing reads the actors' names from the database itself.
func (p *replay) standing(data string) map[int]map[string]ack {
	p.Helper()
	d, err := db.Open(filepath.Join(data, "sluice.db"), db.Options{ReadOnly: true, Readers: 1})
	p.must(err)
	defer d.Close()
	all := make(map[int]map[string]ack)
	for _, a := range p.actors {
		names := make(map[string]ack)
		all[a.id] = names
		p.must(d.Read(func(tx *db.Tx) error {
			return db.TableOf(tx).Rows(`SELECT n.id, n.name, n.version, c.hash, n.size FROM node AS n JOIN content AS c ON c.id = n.content
				WHERE n.parent = (SELECT id FROM node WHERE name = CAST(? AS BLOB) AND kind = 2)`, []any{fmt.Sprintf("actor%d", a.id)}, func(r *db.Row) error {
				one := ack{actor: a.id}
				var name, sum []byte
				if err := r.Scan(&one.node, &name, &one.version, &sum, &one.size); err != nil {
					return err
				}
				one.path, one.hash = string(name), client.Hash(sum)
				names[one.path] = one
				return nil
			})
		}))
	}
	return all
}

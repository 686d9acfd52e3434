package syncer

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// Hashes is the folder in which it is remembered what the files of pushed folders held, and where those were pushed to. Losing
// it costs time only. A file is believed to hold what it held as long as its device, inode, size, mtime and ctime are what they
// were: nobody but the clock sets a ctime, so an edit whose mtime was set back is seen.
type Hashes struct {
	Dir   string        // "": nothing is remembered
	young time.Duration // 0: youngest
	least int           // 0: copyLeast
}

// youngest is how long a file must have been left alone before its facts tell it from a later change: file systems stamp times by
// a tick, the coarsest of two seconds, and two changes within one look alike.
const youngest = 2 * time.Second

// What is remembered of a folder is the magic, the mark of the folder (32 bytes), the number of places and those, then a record for
// each file in order of device and inode, and at the end the BLAKE3 of all before it. All numbers have 8 bytes, the highest first.
const (
	hashesMagic = "sluice hashes 1\n"
	inodeLen    = 2 * 8          // device, inode
	factsLen    = inodeLen + 3*8 // and size, mtime, ctime
	recordLen   = factsLen + 32  // and hash
	placeLen    = 8 + markLen    // node, and whose it is
	maxPlaces   = 16
	hashesHead  = len(hashesMagic) + markLen + 8
)

// memory is what is remembered of one local folder.
type memory struct {
	mark    [markLen]byte
	places  []pushed // the latest first
	records []byte
}

// pushed is a folder of a server that the local folder was pushed to.
type pushed struct {
	node  int64
	whose [markLen]byte // the mark of the account's key with node 0
}

func (h Hashes) shelf() shelf { return shelf{h.Dir, ".hashes"} }

// read gives what is remembered of a folder; it may be nothing.
func (h Hashes) read(root *Node) *memory {
	m := &memory{mark: hash.Sum(appendNumbers([]byte("folder "), root.Dev, root.Ino))}
	m.decode(h.shelf().read(m.file(), 0))
	return m
}

func (m *memory) file() string { return hex.EncodeToString(m.mark[:12]) }

// decode takes over what is well kept in b, all or nothing.
func (m *memory) decode(b []byte) {
	if len(b) < hashesHead+sumLen {
		return
	}
	body, end := b[:len(b)-sumLen], b[len(b)-sumLen:]
	start := append([]byte(hashesMagic), m.mark[:]...)
	if !bytes.HasPrefix(body, start) || hash.Sum(body) != [sumLen]byte(end) {
		return
	}
	count := binary.BigEndian.Uint64(body[len(start):])
	rest := body[hashesHead:]
	if count > maxPlaces || int(count)*placeLen > len(rest) {
		return
	}
	list, rest := rest[:count*placeLen], rest[count*placeLen:]
	if len(rest)%recordLen != 0 {
		return
	}
	m.records = rest
	for ; len(list) > 0; list = list[placeLen:] {
		m.places = append(m.places, pushed{int64(binary.BigEndian.Uint64(list)), [markLen]byte(list[8:placeLen])})
	}
}

func (m *memory) encode() []byte {
	b := make([]byte, 0, hashesHead+len(m.places)*placeLen+len(m.records)+sumLen)
	b = append(append(b, hashesMagic...), m.mark[:]...)
	b = appendNumbers(b, uint64(len(m.places)))
	for _, p := range m.places {
		b = append(appendNumbers(b, uint64(p.node)), p.whose[:]...)
	}
	b = append(b, m.records...)
	sum := hash.Sum(b)
	return append(b, sum[:]...)
}

func appendNumbers(b []byte, all ...uint64) []byte {
	for _, n := range all {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// appendFacts appends what must be the same for a file to be believed to hold the same.
func appendFacts(b []byte, n *Node) []byte {
	return appendNumbers(b, n.Dev, n.Ino, uint64(n.Size), uint64(n.Mtime), uint64(n.Ctime))
}

// recall gives all files below a folder that were not read the hashes they had with exactly the facts they have now.
func (m *memory) recall(root *Node) {
	if len(m.records) == 0 {
		return
	}
	for i := range root.Children {
		switch c := &root.Children[i]; {
		case c.IsFolder():
			m.recall(c)
		case c.Kind == proto.KindFile && !c.Hashed:
			c.Hash, c.Hashed = m.find(c)
		}
	}
}

func (m *memory) find(n *Node) (h proto.Hash, found bool) {
	var space [factsLen]byte
	facts := appendFacts(space[:0], n)
	low, high := 0, len(m.records)/recordLen
	for low < high {
		middle := int(uint(low+high) >> 1)
		if bytes.Compare(m.records[middle*recordLen:][:inodeLen], facts[:inodeLen]) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low*recordLen == len(m.records) {
		return h, false
	}
	r := m.records[low*recordLen:][:recordLen]
	if !bytes.Equal(r[:factsLen], facts) {
		return h, false
	}
	return proto.Hash(r[factsLen:]), true
}

// gather makes the records of all files below a folder whose hashes are known, and which had been left alone when they were
// looked at, at began or later.
func (m *memory) gather(root *Node, began time.Time, young time.Duration) {
	var known []*Node
	for todo := []*Node{root}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := range n.Children {
			switch c := &n.Children[i]; {
			case c.IsFolder():
				todo = append(todo, c)
			case c.Kind == proto.KindFile && c.Hashed && began.UnixNano()-c.Ctime >= int64(young):
				known = append(known, c)
			}
		}
	}
	slices.SortFunc(known, func(a, b *Node) int {
		if a.Dev != b.Dev {
			return cmp.Compare(a.Dev, b.Dev)
		}
		return cmp.Compare(a.Ino, b.Ino)
	})
	known = slices.CompactFunc(known, func(a, b *Node) bool { return a.Dev == b.Dev && a.Ino == b.Ino }) // hard links
	if len(known) > maxKept {
		known = nil
	}
	m.records = make([]byte, 0, len(known)*recordLen)
	for _, n := range known {
		m.records = append(appendFacts(m.records, n), n.Hash[:]...)
	}
}

// at puts a place in front of all others.
func (m *memory) at(p pushed) {
	m.places = slices.DeleteFunc(m.places, func(old pushed) bool { return old == p })
	m.places = slices.Insert(m.places, 0, p)
	m.places = m.places[:min(len(m.places), maxPlaces)]
}

// recallAll gives the local files the hashes that are remembered.
func (p *pusher) recallAll() {
	if p.memory == nil && p.Hashes.Dir != "" {
		p.memory = p.Hashes.read(&p.local.root)
		p.memory.recall(&p.local.root)
	}
}

// whose is the account that is pushed to, as places tell it.
func (p *pusher) whose() [markLen]byte {
	k := p.listingKey(0)
	return k.mark()
}

// remember remembers what this push has learned of the local files, and where it has put them.
func (p *pusher) remember() {
	if p.memory == nil || p.DryRun {
		return
	}
	young := p.Hashes.young
	if young == 0 {
		young = youngest
	}
	p.memory.gather(&p.local.root, p.began, young)
	if node := p.target(); node != 0 {
		p.memory.at(pushed{node, p.whose()})
	}
	p.Hashes.shelf().write(p.memory.file(), p.memory.encode())
}

// target is the server's folder that holds what was pushed; 0: it was not made.
func (p *pusher) target() int64 {
	if p.there != nil {
		return p.there.root.ID
	}
	id, _ := p.folders.id(&p.local.root)
	return id
}

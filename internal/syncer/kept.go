package syncer

import (
	"encoding/binary"
	"math"
	"strings"

	"sluice/internal/hash"
	"sluice/internal/proto"
)

// A kept listing is the magic, the mark of whose listing of what it is (32 bytes), epoch, journal and the number of
// names, then for each folder, the top first and then in the order in which they stand here, the number of its children
// and the children in order of name:
//
//	kind, name, node, version, mode, mtime, size and hash (both not for folders)
//
// and at the end the BLAKE3 of all before it. Numbers are varints. So it is read in one pass, without sorting.
const (
	listingMagic = "sluice listing 1\n"
	markLen      = 32
	sumLen       = 32
	// leastName is the fewest bytes a name takes: seven fields of one byte, and the name's own.
	leastName = 7
	// maxKept bounds what is remembered: above it a run takes so long that a listing no longer counts.
	maxKept = 2_000_000
)

// listingKey says whose listing of which folder is meant.
type listingKey struct {
	server    string
	account   string
	namespace int64
	node      int64
}

// mark is the key in one short value.
func (k listingKey) mark() [markLen]byte {
	var b []byte
	for _, s := range [2]string{k.server, k.account} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendVarint(b, k.namespace)
	b = binary.AppendVarint(b, k.node)
	return hash.Sum(b)
}

// encode writes a view; nil: it is too large to be remembered.
func encode(k listingKey, v *view) []byte {
	count := v.root.names()
	if count > maxKept {
		return nil
	}
	mark := k.mark()
	b := make([]byte, 0, 256+count*96)
	b = append(b, listingMagic...)
	b = append(b, mark[:]...)
	b = binary.AppendUvarint(b, uint64(v.epoch))
	b = binary.AppendUvarint(b, uint64(v.journal))
	b = binary.AppendUvarint(b, uint64(count))
	for todo := []*Node{v.root}; len(todo) > 0; todo = todo[1:] {
		children := todo[0].Children
		b = binary.AppendUvarint(b, uint64(len(children)))
		for i := range children {
			c := &children[i]
			b = append(b, byte(c.Kind))
			b = binary.AppendUvarint(b, uint64(len(c.Name)))
			b = append(b, c.Name...)
			b = binary.AppendUvarint(b, uint64(c.ID))
			b = binary.AppendUvarint(b, uint64(c.Version))
			b = binary.AppendUvarint(b, uint64(c.Mode))
			b = binary.AppendVarint(b, c.Mtime)
			if c.IsFolder() {
				todo = append(todo, c)
				continue
			}
			b = binary.AppendUvarint(b, uint64(c.Size))
			b = append(b, c.Hash[:]...)
		}
	}
	sum := hash.Sum(b)
	return append(b, sum[:]...)
}

// decode reads a view; nil: these bytes are not, or no longer, the listing of k.
func decode(k listingKey, b []byte) *view {
	mark := k.mark()
	if len(b) < len(listingMagic)+markLen+sumLen {
		return nil
	}
	body, end := b[:len(b)-sumLen], b[len(b)-sumLen:]
	start := listingMagic + string(mark[:])
	if string(body[:len(start)]) != start || hash.Sum(body) != [sumLen]byte(end) {
		return nil
	}
	r := keptReader{rest: string(body[len(start):])} // names are parts of this string
	v := &view{epoch: r.number(), journal: r.number(), kept: true}
	count := r.number()
	if r.bad || count > maxKept || count > int64(len(r.rest)/leastName) {
		return nil
	}
	v.root = &Node{ID: k.node, Kind: proto.KindFolder}
	nodes := make([]Node, count)
	free := nodes
	if !r.folder(v.root, &free) {
		return nil
	}
	for i := range nodes { // children stand behind their folder, so they are read before it is their turn
		if nodes[i].IsFolder() && !r.folder(&nodes[i], &free) {
			return nil
		}
	}
	if r.bad || len(free) > 0 || r.rest != "" {
		return nil
	}
	return v
}

// keptReader reads the fields of a kept listing.
type keptReader struct {
	rest string
	bad  bool
}

// folder reads the children of a folder into the first of free.
func (r *keptReader) folder(n *Node, free *[]Node) bool {
	count := r.number()
	if count > int64(len(*free)) {
		return false
	}
	if count == 0 {
		return !r.bad
	}
	children := (*free)[:count:count]
	*free = (*free)[count:]
	for i := range children {
		c := &children[i]
		c.Parent = n
		c.Kind = proto.Kind(r.bytes(1)[0])
		c.Name = r.bytes(r.number())
		c.ID, c.Version = r.number(), r.number()
		c.Mode = uint32(r.number())
		c.Mtime = r.signed()
		switch c.Kind {
		case proto.KindFolder:
		case proto.KindFile, proto.KindLink:
			c.Size = r.number()
			copy(c.Hash[:], r.bytes(int64(len(c.Hash))))
			c.Hashed = true
		default:
			return false
		}
		if r.bad || c.ID == 0 || c.Mode > 0o777 || i > 0 && children[i-1].Name >= c.Name || proto.CheckName(c.Name) != nil {
			return false
		}
		c.Excluded = strings.HasPrefix(c.Name, tempPrefix)
	}
	n.Children = children
	return true
}

// number reads a number that is not negative.
func (r *keptReader) number() int64 {
	var n uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(r.rest[i]&0x7f) << (7 * i)
		if r.rest[i] < 0x80 {
			r.rest = r.rest[i+1:]
			if n > math.MaxInt64 {
				break
			}
			return int64(n)
		}
	}
	r.bad = true
	return 0
}

// signed reads a number that may be negative, as binary.AppendVarint writes it.
func (r *keptReader) signed() int64 {
	var n uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(r.rest[i]&0x7f) << (7 * i)
		if r.rest[i] < 0x80 {
			r.rest = r.rest[i+1:]
			return int64(n>>1) ^ -int64(n&1)
		}
	}
	r.bad = true
	return 0
}

// bytes reads so many bytes; short of them it answers zeros, and the reader is bad.
func (r *keptReader) bytes(n int64) string {
	if n > int64(len(r.rest)) {
		r.bad = true
		return "\x00"
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

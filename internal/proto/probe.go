package proto

// Probe is a few ranges of a content of more than MaxObjectsBody bytes, by which it, or what it is like, is found before all
// of it was read: BLAKE3, 16 bytes, of 64 KiB at the start, at half the size rounded down to 4 KiB, and at the end.
type Probe struct{ Head, Middle, Tail Key }

// ProbeRequest asks what this account has that is like a content.
type ProbeRequest struct {
	Size  int64
	Probe Probe
}

// ProbeReply tells it. A nil hash: nothing of the kind.
type ProbeReply struct {
	Held         *Hash // a content of this size and probe; only its hash, computed from all bytes, can tell whether it is the same
	Relative     *Hash // else a content with the same head or the same tail, the largest
	RelativeSize int64
	Partial      bool // an unfinished upload of this size and probe
}

var (
	probeFields = []field{
		{name: "size", want: anInteger, least: MaxObjectsBody + 1, most: MaxContent},
		{name: "head", want: aKey},
		{name: "middle", want: aKey},
		{name: "tail", want: aKey},
	}
	probeReplyFields = []field{
		{name: "held", want: aHash, optional: true},
		{name: "relative", want: aHash, optional: true},
		{name: "relative_size", want: anInteger, least: MaxObjectsBody + 1, most: MaxContent, optional: true},
		{name: "partial", want: aBool, optional: true},
	}
)

// set takes a field if it is one of a probe's.
func (p *Probe) set(name string, v *value) bool {
	switch name {
	case "head":
		p.Head = v.key
	case "middle":
		p.Middle = v.key
	case "tail":
		p.Tail = v.key
	default:
		return false
	}
	return true
}

func (p *Probe) append(b []byte) []byte {
	b = appendHexField(b, "head", p.Head[:])
	b = appendHexField(b, "middle", p.Middle[:])
	return appendHexField(b, "tail", p.Tail[:])
}

// ParseProbe reads the header of a probe.
func ParseProbe(raw []byte) (*ProbeRequest, error) {
	x := &ProbeRequest{}
	return result(x, parse(raw, MaxHeader, probeFields, func(name string, v *value) {
		if name == "size" {
			x.Size = v.n
		} else {
			x.Probe.set(name, v)
		}
	}))
}

// Append appends the header as JSON to b.
func (x *ProbeRequest) Append(b []byte) []byte {
	return closeObject(x.Probe.append(appendInt(append(b, '{'), "size", x.Size)))
}

// ParseProbeReply reads the header of the reply to a probe.
func ParseProbeReply(raw []byte) (*ProbeReply, error) {
	x := &ProbeReply{}
	err := parse(raw, MaxReplyHeader, probeReplyFields, func(name string, v *value) {
		switch h := v.hash; name {
		case "held":
			x.Held = &h
		case "relative":
			x.Relative = &h
		case "relative_size":
			x.RelativeSize = v.n
		case "partial":
			x.Partial = v.n == 1
		}
	})
	if err == nil && (x.Relative != nil) != (x.RelativeSize > 0) {
		err = Errorf(BadHeader, "a relative has hash and size")
	}
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *ProbeReply) Append(b []byte) []byte {
	b = append(b, '{')
	if x.Held != nil {
		b = appendHexField(b, "held", x.Held[:])
	}
	if x.Relative != nil {
		b = appendHexField(b, "relative", x.Relative[:])
		b = appendInt(b, "relative_size", x.RelativeSize)
	}
	b = appendTrue(b, "partial", x.Partial)
	return closeObject(b)
}

package proto

// Prove answers challenges: the account has these contents, and need not send them.
type Prove struct{ Proofs []Proof }

// Proof is the answer to one challenge. Tags stand one after another, TagLen bytes each.
type Proof struct {
	Hash  Hash
	Size  int64
	Nonce []byte
	Tags  []byte
}

// ProveReply has one bit for each proof, in their order: 1, the account holds the content now; 0, send it. Nothing tells
// why.
type ProveReply struct{ Linked Bitmap }

// Limits of proofs.
const (
	MaxProofs  = 16      // in one request: with all their tags they fit a header
	LeastProof = 1 << 20 // a smaller content is sent
	NonceLen   = 56      // bytes
	TagLen     = 16      // bytes
	MaxTags    = 64      // of one content
)

var (
	proofsField      = field{name: "proofs", want: anArray, least: 1, most: MaxProofs}
	proveFields      = []field{proofsField}
	proveReplyFields = []field{{name: "linked", want: aBitmap, least: 1, most: (MaxProofs + 7) / 8}}
	proofFields      = []field{
		{name: "hash", want: aHash},
		{name: "size", want: anInteger, least: LeastProof, most: MaxContent},
		{name: "nonce", want: aBytes, least: NonceLen, most: NonceLen},
		{name: "tags", want: aBytes, least: TagLen, most: MaxTags * TagLen},
	}
)

// ParseProve reads the header of a prove. How many tags a content needs is for the server to know.
func ParseProve(raw []byte) (*Prove, error) {
	x := &Prove{}
	return result(x, parse(raw, MaxHeader, proveFields, func(_ string, v *value) {
		v.err = proofsField.each(v, func(_ int, in *cursor) *Error {
			var p Proof
			_, err := walk(in, proofFields, func(name string, v *value) {
				switch name {
				case "hash":
					p.Hash = v.hash
				case "size":
					p.Size = v.n
				case "nonce":
					p.Nonce = v.bits
				case "tags":
					p.Tags = v.bits
				}
			})
			if err == nil && len(p.Tags)%TagLen != 0 {
				err = Errorf(BadHeader, "field tags: not whole tags")
			}
			x.Proofs = append(x.Proofs, p)
			return err
		})
	}))
}

// Append appends the header as JSON to b.
func (x *Prove) Append(b []byte) []byte {
	b = append(appendField(append(b, '{'), "proofs"), '[')
	for i := range x.Proofs {
		p := &x.Proofs[i]
		b = appendHexField(append(b, '{'), "hash", p.Hash[:])
		b = appendInt(b, "size", p.Size)
		b = appendHexField(b, "nonce", p.Nonce)
		b = append(closeObject(appendHexField(b, "tags", p.Tags)), ',')
	}
	return closeObject(append(closeArray(b), ','))
}

// ParseProveReply reads the header of the reply to a prove.
func ParseProveReply(raw []byte) (*ProveReply, error) {
	x := &ProveReply{}
	return result(x, parse(raw, MaxReplyHeader, proveReplyFields, func(_ string, v *value) { x.Linked = v.bits }))
}

// Append appends the header as JSON to b.
func (x *ProveReply) Append(b []byte) []byte {
	return closeObject(appendHexField(append(b, '{'), "linked", x.Linked))
}

// proveAnswers: one bit for each proof.
func proveAnswers(request, reply Header, length uint64) *Error {
	if !reply.(*ProveReply).Linked.of(int64(len(request.(*Prove).Proofs))) {
		return Errorf(BadHeader, "not one bit for each proof")
	}
	return noBody(nil, length)
}

package proto

// SignatureRequest asks for the signature of some blocks of a content, or for the sums of whole blocks.
type SignatureRequest struct {
	Hash  Hash
	Block int64 // bytes in a block: a power of two, LeastBlock to MostBlock
	First int64 // the first block
	Count int64
	Sums  bool // of whole blocks, which the server has to read
}

// SignatureReply tells the size of the whole content. Its body has BlockEntry bytes for each block that was asked for and
// that the content has.
type SignatureReply struct{ Size int64 }

const (
	LeastBlock = 64 << 10
	MostBlock  = 8 << 20
	BlockEntry = 8
	MaxBlocks  = 16 << 10 // in one request: 1 GiB in the smallest blocks
	MaxSums    = 1 << 30  // bytes that one request may make the server read: a second or so of one core
)

var (
	signatureFields = []field{
		{name: "hash", want: aHash},
		{name: "block", want: anInteger, least: LeastBlock, most: MostBlock},
		{name: "first", want: anInteger, most: MaxContent / LeastBlock, optional: true},
		{name: "count", want: anInteger, least: 1, most: MaxBlocks},
		{name: "sums", want: aBool, optional: true},
	}
	signatureReplyFields = []field{{name: "size", want: anInteger, most: MaxContent}}
)

// ParseSignature reads the header of a signature.
func ParseSignature(raw []byte) (*SignatureRequest, error) {
	x := &SignatureRequest{}
	err := parse(raw, MaxHeader, signatureFields, func(name string, v *value) {
		switch name {
		case "hash":
			x.Hash = v.hash
		case "block":
			x.Block = v.n
		case "first":
			x.First = v.n
		case "count":
			x.Count = v.n
		case "sums":
			x.Sums = v.n == 1
		}
	})
	switch {
	case err != nil:
	case x.Block&(x.Block-1) != 0:
		err = Errorf(BadHeader, "blocks of %d bytes: not a power of two", x.Block)
	case x.Sums && x.Count*x.Block > MaxSums:
		err = Errorf(BadHeader, "the sums of %d bytes, at most %d", x.Count*x.Block, MaxSums)
	}
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *SignatureRequest) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "hash", x.Hash[:])
	b = appendInt(b, "block", x.Block)
	b = appendOptional(b, "first", x.First)
	b = appendInt(b, "count", x.Count)
	b = appendTrue(b, "sums", x.Sums)
	return closeObject(b)
}

// Blocks is how many of the blocks asked for a content of this size has.
func (x *SignatureRequest) Blocks(size int64) int64 {
	return max(0, min(x.Count, (size+x.Block-1)/x.Block-x.First))
}

// ParseSignatureReply reads the header of the reply to a signature.
func ParseSignatureReply(raw []byte) (*SignatureReply, error) {
	x := &SignatureReply{}
	return result(x, parse(raw, MaxReplyHeader, signatureReplyFields, func(_ string, v *value) { x.Size = v.n }))
}

// Append appends the header as JSON to b.
func (x *SignatureReply) Append(b []byte) []byte {
	return closeObject(appendInt(append(b, '{'), "size", x.Size))
}

// signatureAnswers: an entry for each block asked for that there is.
func signatureAnswers(request, reply Header, length uint64) *Error {
	if want := request.(*SignatureRequest).Blocks(reply.(*SignatureReply).Size); uint64(want)*BlockEntry != length {
		return Errorf(BadHeader, "body of %d bytes for %d blocks", length, want)
	}
	return nil
}

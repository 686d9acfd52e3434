package proto

// Have asks which of these contents this account holds.
type Have struct{ Hashes []Hash }

// HaveReply has one bit for each hash, in their order.
type HaveReply struct{ Held Bitmap }

var (
	hashesField     = field{name: "hashes", want: anArray, least: 1, most: MaxBatch}
	haveFields      = []field{hashesField}
	haveReplyFields = []field{{name: "held", want: aBitmap, least: 1, most: (MaxBatch + 7) / 8}}
)

// parseHashes reads the only field of have and get-objects.
func parseHashes(raw []byte) (hashes []Hash, err *Error) {
	err = parse(raw, MaxHeaderBatch, haveFields, func(_ string, v *value) {
		hashes = make([]Hash, 0, min(MaxBatch, v.in.left()/66))
		v.err = hashesField.each(v, func(_ int, in *cursor) *Error {
			var h Hash
			if s, ok := in.str(); !ok || !decodeHex(h[:], s) {
				return Errorf(BadHeader, "field hashes: wrong value")
			}
			hashes = append(hashes, h)
			return nil
		})
	})
	return hashes, err
}

// ParseHave reads the header of a have.
func ParseHave(raw []byte) (*Have, error) {
	hashes, err := parseHashes(raw)
	return result(&Have{hashes}, err)
}

// Append appends the header as JSON to b.
func (x *Have) Append(b []byte) []byte {
	return closeObject(appendHashes(append(b, '{'), "hashes", x.Hashes))
}

// ParseHaveReply reads the header of the reply to a have.
func ParseHaveReply(raw []byte) (*HaveReply, error) {
	x := &HaveReply{}
	return result(x, parse(raw, MaxReplyHeader, haveReplyFields, func(_ string, v *value) { x.Held = v.bits }))
}

// Append appends the header as JSON to b.
func (x *HaveReply) Append(b []byte) []byte {
	return closeObject(appendHexField(append(b, '{'), "held", x.Held))
}

// haveAnswers: one bit for each hash.
func haveAnswers(request, reply Header, length uint64) *Error {
	if !reply.(*HaveReply).Held.of(int64(len(request.(*Have).Hashes))) {
		return Errorf(BadHeader, "not one bit for each hash")
	}
	return noBody(nil, length)
}

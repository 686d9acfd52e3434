package proto

// Have asks which of these contents this account holds. Sizes, if any, has one for each hash: then unknown contents that
// are large enough come with a challenge.
type Have struct {
	Hashes []Hash
	Sizes  []int64
}

// HaveReply has one bit for each hash, in their order, and the challenges for those that are not held.
type HaveReply struct {
	Held       Bitmap
	Challenges []Challenge
}

// Challenge asks for a proof that one has hashes[Index] of a have. Nonce is NonceLen bytes.
type Challenge struct {
	Index int
	Nonce []byte
}

var (
	hashesField     = field{name: "hashes", want: anArray, least: 1, most: MaxBatch}
	hashesFields    = []field{hashesField}
	sizesField      = field{name: "sizes", want: anArray, least: 1, most: MaxBatch, optional: true}
	haveFields      = []field{hashesField, sizesField}
	challengesField = field{name: "challenges", want: anArray, most: MaxBatch, optional: true}
	haveReplyFields = []field{{name: "held", want: aBitmap, least: 1, most: (MaxBatch + 7) / 8}, challengesField}
	challengeFields = []field{
		{name: "index", want: anInteger, most: MaxBatch - 1},
		{name: "nonce", want: aBytes, least: NonceLen, most: NonceLen},
	}
)

// takeHashes goes through an array of hashes.
func takeHashes(v *value) (hashes []Hash) {
	hashes = make([]Hash, 0, min(MaxBatch, v.in.left()/66))
	v.err = hashesField.each(v, func(_ int, in *cursor) *Error {
		var h Hash
		if s, ok := in.str(); !ok || !decodeHex(h[:], s) {
			return Errorf(BadHeader, "field hashes: wrong value")
		}
		hashes = append(hashes, h)
		return nil
	})
	return hashes
}

// ParseHave reads the header of a have.
func ParseHave(raw []byte) (*Have, error) {
	x := &Have{}
	err := parse(raw, MaxHeaderBatch, haveFields, func(name string, v *value) {
		switch name {
		case "hashes":
			x.Hashes = takeHashes(v)
		case "sizes":
			x.Sizes = make([]int64, 0, min(MaxBatch, v.in.left()/2))
			v.err = sizesField.each(v, func(_ int, in *cursor) *Error {
				n, ok := number(in.token(), 0, MaxContent)
				if !ok {
					return Errorf(BadHeader, "field sizes: wrong value")
				}
				x.Sizes = append(x.Sizes, n)
				return nil
			})
		}
	})
	if err == nil && x.Sizes != nil && len(x.Sizes) != len(x.Hashes) {
		err = Errorf(BadHeader, "not one size for each hash")
	}
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *Have) Append(b []byte) []byte {
	b = appendHashes(append(b, '{'), "hashes", x.Hashes)
	if len(x.Sizes) > 0 {
		b = append(appendField(b, "sizes"), '[')
		for _, n := range x.Sizes {
			b = appendElement(b, n)
		}
		b = append(closeArray(b), ',')
	}
	return closeObject(b)
}

// ParseHaveReply reads the header of the reply to a have. Challenges come in the order of the hashes.
func ParseHaveReply(raw []byte) (*HaveReply, error) {
	x := &HaveReply{}
	return result(x, parse(raw, MaxReplyHeader, haveReplyFields, func(name string, v *value) {
		if name == "held" {
			x.Held = v.bits
			return
		}
		last := -1
		v.err = challengesField.each(v, func(_ int, in *cursor) *Error {
			var c Challenge
			_, err := walk(in, challengeFields, func(name string, v *value) {
				if name == "index" {
					c.Index = int(v.n)
				} else {
					c.Nonce = v.bits
				}
			})
			if err == nil && c.Index <= last {
				err = Errorf(BadHeader, "challenges out of order")
			}
			last = c.Index
			x.Challenges = append(x.Challenges, c)
			return err
		})
	}))
}

// Append appends the header as JSON to b.
func (x *HaveReply) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "held", x.Held)
	if len(x.Challenges) > 0 {
		b = append(appendField(b, "challenges"), '[')
		for i := range x.Challenges {
			c := &x.Challenges[i]
			b = appendInt(append(b, '{'), "index", int64(c.Index))
			b = append(closeObject(appendHexField(b, "nonce", c.Nonce)), ',')
		}
		b = append(closeArray(b), ',')
	}
	return closeObject(b)
}

// haveAnswers: one bit for each hash, and challenges for what was asked with its size and is not held.
func haveAnswers(request, reply Header, length uint64) *Error {
	asked, told := request.(*Have), reply.(*HaveReply)
	if !told.Held.of(int64(len(asked.Hashes))) {
		return Errorf(BadHeader, "not one bit for each hash")
	}
	for _, c := range told.Challenges {
		if c.Index >= len(asked.Sizes) || told.Held.Get(c.Index) || asked.Sizes[c.Index] < LeastProof {
			return Errorf(BadHeader, "a challenge for hash %d, which needs none", c.Index)
		}
	}
	return noBody(nil, length)
}

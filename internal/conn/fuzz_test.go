package conn

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sluice/internal/proto"
)

// stream makes a client's bytes from a fuzzer's: each byte is a request, and one with the high bit is followed by two that
// say where and how it is damaged. So the fuzzer reaches the states behind a log-in without having to guess frames.
func stream(program []byte) []byte {
	out := frame(proto.TypeHello, 1, helloHeader, nil)
	for number := uint32(2); len(program) > 0 && number < 40; number++ {
		op := program[0]
		program = program[1:]
		var f []byte
		switch op % 8 {
		case 0, 1:
			f = frame(proto.TypePing, number, nil, nil)
		case 2:
			f = frame(proto.TypeQuota, number, nil, nil)
		case 3:
			f = frame(proto.TypeHave, number, (&proto.Have{Hashes: []proto.Hash{{op}}}).Append(nil), nil)
		case 4:
			f = frame(proto.TypePutObjects, number, objectsHeader(100), pattern(100, uint64(op)))
		case 5:
			f = frame(proto.TypePutObjects, number, objectsHeader(70_000), pattern(70_000, uint64(op)))
		case 6:
			f = frame(proto.TypeUploadChunk, number, chunkHeader(int64(op>>4&3)+1), pattern(3000, uint64(op)))
		case 7:
			f = frame(proto.TypeGet, number, getHeader, nil)
		}
		if op&0x80 != 0 && len(program) >= 2 {
			f[int(program[0])%len(f)] ^= program[1]
			program = program[2:]
		}
		out = append(out, f...)
	}
	return out
}

// transcript sends bytes in segments and tells what was answered until the server closed.
func (r *rig) transcript(b []byte, cuts *rand.Rand) string {
	r.t.Helper()
	c := r.dial(false)
	defer c.Close()
	go func() {
		defer c.CloseWrite()
		for len(b) > 0 {
			n := len(b)
			if cuts != nil {
				n = min(n, 1+int(cuts.ExpFloat64()*400))
			}
			if _, err := c.Write(b[:n]); err != nil {
				return // the server has said its last word
			}
			b = b[n:]
		}
	}()
	var said strings.Builder
	for {
		p, header, _, err := c.tryReply()
		if err != nil {
			return said.String()
		}
		code := proto.OK
		if p.Flags&proto.FlagError != 0 {
			e, err := proto.ParseError(header)
			if err != nil {
				r.t.Fatalf("error reply %q: %v", header, err)
			}
			code = e.Code
		}
		fmt.Fprintf(&said, "%d %s %v\n", p.Number, p.Type, code)
	}
}

// FuzzConnection: whatever a client sends, and however the network cuts it, it gets the same answers; nothing is kept of
// it, and the loop still answers.
func FuzzConnection(f *testing.F) {
	f.Add([]byte{0, 2, 3, 4, 5, 6, 7}, uint64(1))
	f.Add([]byte{6, 6, 22, 6, 4, 0}, uint64(2))
	f.Add([]byte{5, 0x85, 20, 1, 0}, uint64(3))
	f.Add([]byte{0x84, 6, 0xff, 0, 0x80, 0, 1}, uint64(4))
	f.Fuzz(func(t *testing.T, program []byte, seed uint64) {
		r := newRig(t, options{limits: Limits{Linger: 200 * time.Millisecond}})
		b := stream(program)
		whole := r.transcript(b, nil)
		cut := r.transcript(b, rand.New(rand.NewPCG(seed, 0)))
		if whole != cut {
			t.Errorf("in one piece:\n%sin segments:\n%s", whole, cut)
		}
		r.answers()
	})
}

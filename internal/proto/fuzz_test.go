package proto

import (
	"bytes"
	"testing"
)

func FuzzPrelude(f *testing.F) {
	for _, h := range preludes() {
		f.Add(h.frame)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePrelude(b)
		if err != nil {
			if p.Append(nil); err.(*Error).Code != BadPrelude {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(p.Append(nil), b[:PreludeLen]) {
			t.Errorf("%+v is not %x", p, b[:PreludeLen])
		}
		if row, err := p.CheckRequest(); err == nil && (p.HeaderLen > row.MaxHeader || p.BodyLen > row.MaxBody) {
			t.Errorf("%+v let through", p)
		}
	})
}

// FuzzRequest and FuzzReply hold for every type: what was read can be written, and reads the same again.
func FuzzRequest(f *testing.F) {
	for i := range Types {
		f.Add(uint16(Types[i].Type), samples[Types[i].Type].request.Append(nil), uint64(len(samples[Types[i].Type].requestBody)))
	}
	for _, h := range headers() {
		p, _ := ParsePrelude(h.frame)
		f.Add(uint16(p.Type), h.frame[PreludeLen:], p.BodyLen)
	}
	f.Fuzz(func(t *testing.T, number uint16, raw []byte, length uint64) {
		row := Lookup(Type(number))
		if row == nil {
			return
		}
		if h := again(t, row.Parse, raw); h != nil {
			row.Body(h, length)
		}
	})
}

func FuzzReply(f *testing.F) {
	for i := range Types {
		f.Add(uint16(Types[i].Type), samples[Types[i].Type].reply.Append(nil), uint64(len(samples[Types[i].Type].replyBody)))
	}
	f.Fuzz(func(t *testing.T, number uint16, raw []byte, length uint64) {
		row := Lookup(Type(number))
		if row == nil {
			return
		}
		if h := again(t, row.ParseReply, raw); h != nil {
			row.Answers(samples[row.Type].request, h, length)
		}
	})
}

func FuzzError(f *testing.F) {
	for _, s := range sampleErrors {
		f.Add(s.err.Append(nil))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { again(t, opened(ParseError), raw) })
}

func again(t *testing.T, parse func([]byte) (Header, error), raw []byte) Header {
	h, err := parse(raw)
	if err != nil {
		switch err.(*Error).Code {
		case BadHeader, BadName, TooLarge:
		default:
			t.Errorf("%v", err)
		}
		return nil
	}
	written := h.Append(nil)
	if len(written) > MaxReplyHeader {
		return h // other spellings are shorter, and only a peer that means harm comes near
	}
	back, err := parse(written)
	if err != nil {
		t.Fatalf("%q\nwas written as\n%q: %v", raw, written, err)
	}
	if !bytes.Equal(back.Append(nil), written) {
		t.Fatalf("%q\ncame back as\n%q", written, back.Append(nil))
	}
	return h
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"a.txt", "100%25", "%FF", "%41", "%ff", "..", "é", "a%C3", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if raw, err := ParseName(s); err == nil {
			if CheckName(raw) != nil || EscapeName(raw) != s {
				t.Errorf("%q was read as %q, whose spelling is %q", s, raw, EscapeName(raw))
			}
		}
		// s as a name of its own.
		back, err := ParseName(EscapeName(s))
		if (err == nil) != (CheckName(s) == nil) || err == nil && back != s {
			t.Errorf("%q became %q, %v", s, back, err)
		}
		if e := scan(AppendName(nil, s)); e != nil {
			t.Errorf("%q: %v", s, e)
		}
		if e := scan(AppendString(nil, s)); e != nil {
			t.Errorf("%q: %v", s, e)
		}
		if hasControl(Terminal(s)) {
			t.Errorf("%q shown as %q", s, Terminal(s))
		}
	})
}

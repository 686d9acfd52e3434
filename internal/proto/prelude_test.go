package proto

import (
	"encoding/hex"
	"testing"
)

func TestPreludeBytes(t *testing.T) {
	p := Prelude{Version: 1, Flags: FlagReply | FlagClosing, Type: 0x0102, Number: 0x03040506, HeaderLen: 0x0708090A, BodyLen: 0x0B0C0D0E0F101112}
	b := p.Append([]byte("x"))
	if got, want := hex.EncodeToString(b), "78"+"f5534c43"+"01"+"05"+"0102"+"03040506"+"0708090a"+"0b0c0d0e0f101112"; got != want {
		t.Errorf("%s\n%s", got, want)
	}
	back, err := ParsePrelude(b[1:])
	if err != nil || back != p {
		t.Errorf("%+v, %v", back, err)
	}
	if len(b)-1 != PreludeLen {
		t.Error(len(b))
	}
}

// TestFirstByte: one byte tells the native protocol from all others on the port.
func TestFirstByte(t *testing.T) {
	if Magic[0] < 0x80 {
		t.Error(Magic[0])
	}
}

func TestPreludeShort(t *testing.T) {
	whole := Prelude{Version: 1, Type: TypePing}.Append(nil)
	for n := range whole {
		if _, err := ParsePrelude(whole[:n]); err == nil {
			t.Errorf("%d bytes were enough", n)
		}
	}
}

// TestPreludeWithError: what can be trusted is there, so that an error reply can repeat type and number.
func TestPreludeWithError(t *testing.T) {
	p, err := ParsePrelude(Prelude{Version: 2, Type: TypeGet, Number: 9}.Append(nil))
	if err == nil || p.Type != TypeGet || p.Number != 9 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = ParsePrelude(make([]byte, PreludeLen))
	if err == nil || p != (Prelude{}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestCheckReply(t *testing.T) {
	asked := Prelude{Type: TypeGet, Number: 9}
	for _, c := range []struct {
		name  string
		reply Prelude
		ok    bool
	}{
		{"fine", Prelude{Flags: FlagReply, Type: TypeGet, Number: 9, HeaderLen: 10, BodyLen: 1 << 40}, true},
		{"closing", Prelude{Flags: FlagReply | FlagClosing, Type: TypeGet, Number: 9}, true},
		{"error", Prelude{Flags: FlagReply | FlagError, Type: TypeGet, Number: 9, HeaderLen: 10}, true},
		{"error with a body", Prelude{Flags: FlagReply | FlagError, Type: TypeGet, Number: 9, BodyLen: 1}, false},
		{"not a reply", Prelude{Type: TypeGet, Number: 9}, false},
		{"another number", Prelude{Flags: FlagReply, Type: TypeGet, Number: 8}, false},
		{"another type", Prelude{Flags: FlagReply, Type: TypeStat, Number: 9}, false},
		{"header at the limit", Prelude{Flags: FlagReply, Type: TypeGet, Number: 9, HeaderLen: MaxReplyHeader}, true},
		{"header over the limit", Prelude{Flags: FlagReply, Type: TypeGet, Number: 9, HeaderLen: MaxReplyHeader + 1}, false},
		{"header of 4 GiB", Prelude{Flags: FlagReply, Type: TypeGet, Number: 9, HeaderLen: 1<<32 - 1}, false},
		{"body at the limit", Prelude{Flags: FlagReply, Type: TypeGet, Number: 9, BodyLen: MaxContent}, true},
		{"body over the limit", Prelude{Flags: FlagReply, Type: TypeGet, Number: 9, BodyLen: MaxContent + 1}, false},
		{"body of 2^64-1", Prelude{Flags: FlagReply, Type: TypeGet, Number: 9, BodyLen: 1<<64 - 1}, false},
		{"the connection's last word", Prelude{Flags: FlagReply | FlagError | FlagClosing, HeaderLen: 10}, true},
		{"no type and no error", Prelude{Flags: FlagReply}, false},
	} {
		if err := c.reply.CheckReply(asked); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	ping := Prelude{Flags: FlagReply, Type: TypePing, BodyLen: 1}
	if err := ping.CheckReply(Prelude{Type: TypePing}); err == nil {
		t.Error("a ping's reply with a body")
	}
}

package proto

import (
	"encoding/hex"
	"strconv"
	"unicode/utf8"
)

// The append functions of fields write `"name":value,`; closeObject and closeArray turn the last comma into the bracket.
// Nothing is allocated but b.

func appendField(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func appendInt(b []byte, name string, n int64) []byte {
	return append(strconv.AppendInt(appendField(b, name), n, 10), ',')
}

// appendOptional writes a field whose zero means the same as its absence.
func appendOptional(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return appendInt(b, name, n)
}

func appendTrue(b []byte, name string, yes bool) []byte {
	if !yes {
		return b
	}
	return append(appendField(b, name), "true,"...)
}

func appendText(b []byte, name, s string) []byte {
	return append(AppendString(appendField(b, name), s), ',')
}

func appendNameField(b []byte, name, raw string) []byte {
	return append(AppendName(appendField(b, name), raw), ',')
}

func appendHexField(b []byte, name string, bytes []byte) []byte {
	return append(appendHex(appendField(b, name), bytes), ',')
}

func appendHex(b, bytes []byte) []byte {
	b = append(b, '"')
	b = hex.AppendEncode(b, bytes)
	return append(b, '"')
}

func appendHashes(b []byte, name string, hashes []Hash) []byte {
	b = append(appendField(b, name), '[')
	for i := range hashes {
		b = append(appendHex(b, hashes[i][:]), ',')
	}
	return append(closeArray(b), ',')
}

// appendMessage writes an error's text, cut to what a strict reader takes: MaxMessage bytes, no control characters. An
// empty one is left out.
func appendMessage(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	if !utf8.ValidString(s) || hasControl(s) {
		s = Terminal(s[:min(len(s), MaxMessage)])
	}
	return appendText(b, "message", cut(s, MaxMessage))
}

func closeObject(b []byte) []byte { return closeWith(b, '}') }
func closeArray(b []byte) []byte  { return closeWith(b, ']') }

func closeWith(b []byte, bracket byte) []byte {
	if b[len(b)-1] == ',' {
		b[len(b)-1] = bracket
		return b
	}
	return append(b, bracket)
}

const digits = "0123456789abcdef"

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD; what must keep its bytes is a name
// and goes through AppendName.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			b = appendPlain(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b = utf8.AppendRune(b, r)
		i += n
	}
	return append(b, '"')
}

// appendPlain appends one ASCII character of a JSON string.
func appendPlain(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c >= ' ':
		return append(b, c)
	}
	return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

func appendElement(b []byte, n int64) []byte { return append(strconv.AppendInt(b, n, 10), ',') }

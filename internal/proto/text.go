package proto

import "unicode/utf8"

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

// appendMessage writes an error's text, cut to what a strict reader takes: MaxMessage bytes, no control characters. An
// empty one is left out.
func appendMessage(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	if !utf8.ValidString(s) || hasControl(s) {
		s = Terminal(s[:min(len(s), MaxMessage)])
	}
	return appendText(b, "message", Cut(s, MaxMessage))
}

// hasControl finds control characters: what ends in logs and on terminals must not move the cursor.
func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c == 0x7F || c == 0xC2 && i+1 < len(s) && s[i+1] < 0xA0 {
			return true
		}
	}
	return false
}

// Cut is the beginning of s of at most n bytes, without a character cut in two; of what is no text, n bytes.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n]
}

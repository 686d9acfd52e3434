package proto

import (
	"bytes"
	"unicode/utf8"
)

// scan goes over a header before anything looks into it, in linear time. It refuses what is not UTF-8, nests deeper than
// MaxDepth (a JSON parser that recurses would end the process with a stack that recover cannot catch), or holds half a
// surrogate pair as an escape (decoders replace it, so that two names would become one). What is left of JSON's rules is
// the parser's to check: as far as a header is JSON both see the same strings and brackets, and the parser goes no
// further.
func scan(raw []byte) *Error {
	if !utf8.Valid(raw) {
		return Errorf(BadHeader, "not UTF-8")
	}
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			n, err := scanString(raw[i+1:])
			if err != nil {
				return err
			}
			i += n
		case '{', '[':
			if depth++; depth > MaxDepth {
				return Errorf(BadHeader, "nests deeper than %d", MaxDepth)
			}
		case '}', ']':
			if depth--; depth < 0 {
				return Errorf(BadHeader, "unbalanced at byte %d", i)
			}
		}
	}
	return nil
}

// scanString tells the length of the string that b is within, its closing quote included.
func scanString(b []byte) (int, *Error) {
	end := bytes.IndexByte(b, '"')
	if end >= 0 && bytes.IndexByte(b[:end], '\\') < 0 {
		return end + 1, nil
	}
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, nil
		case '\\':
			n := escaped(b[i:])
			if n == 0 {
				return 0, Errorf(BadHeader, "half a surrogate pair")
			}
			i += n - 1
		}
	}
	return len(b), nil
}

// escaped tells the length of the escape that b begins with, taking both halves of a surrogate pair as one; 0: half a
// pair. A malformed escape counts as two bytes and is left to the parser.
func escaped(b []byte) int {
	r := escapedUnit(b)
	switch {
	case r < 0:
		return 2
	case r >= 0xDC00 && r <= 0xDFFF:
		return 0
	case r >= 0xD800 && r <= 0xDBFF:
		if low := escapedUnit(b[6:]); low < 0xDC00 || low > 0xDFFF {
			return 0
		}
		return 12
	}
	return 6
}

// escapedUnit is the number in \uXXXX at the start of b, or -1.
func escapedUnit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

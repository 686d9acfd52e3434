package proto

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A name is bytes. In JSON, '%' and every byte that is not part of valid UTF-8 is written %XX with upper-case digits, and
// nothing else is: so every name has one spelling, and every spelling at most one name.

const upperDigits = "0123456789ABCDEF"

// CheckName says whether raw can be the name of something: not empty, not "." or "..", without '/' and NUL, at most
// MaxName bytes. A newline can be part of a name.
func CheckName(raw string) error {
	if err := checkName(raw); err != nil {
		return err
	}
	return nil
}

func checkName(raw string) *Error {
	switch {
	case raw == "":
		return Errorf(BadName, "empty name")
	case raw == "." || raw == "..":
		return Errorf(BadName, "name is %s", raw)
	case len(raw) > MaxName:
		return Errorf(BadName, "name of %d bytes, at most %d", len(raw), MaxName)
	case strings.IndexByte(raw, '/') >= 0:
		return Errorf(BadName, "name holds /")
	case strings.IndexByte(raw, 0) >= 0:
		return Errorf(BadName, "name holds NUL")
	}
	return nil
}

// ParseName decodes the %XX form and checks the name. A spelling that EscapeName would not have written is refused.
func ParseName(s string) (string, error) {
	raw, err := parseName(s)
	if err != nil {
		return "", err
	}
	return raw, nil
}

func parseName(s string) (string, *Error) {
	raw := s
	if strings.IndexByte(s, '%') >= 0 || !utf8.ValidString(s) {
		if len(s) > 3*MaxName {
			return "", Errorf(BadName, "name of %d bytes", len(s))
		}
		decoded, ok := unescape(s)
		if !ok || EscapeName(decoded) != s {
			return "", Errorf(BadName, "name is not in its %%XX form")
		}
		raw = decoded
	}
	return raw, checkName(raw)
}

// parsePath decodes names with a slash between and checks each. As a slash is in no name and in no %XX, the form of the
// whole is that of its parts.
func parsePath(s string, most int) (string, *Error) {
	raw, ok := unescape(s)
	if len(s) > most || !ok || EscapeName(raw) != s {
		return "", Errorf(BadName, "path is not in its %%XX form, or too long")
	}
	for name := range strings.SplitSeq(raw, "/") {
		if err := checkName(name); err != nil {
			return "", err
		}
	}
	return raw, nil
}

func unescape(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := strings.IndexByte(upperDigits, s[i+1]), strings.IndexByte(upperDigits, s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), true
}

// EscapeName gives the %XX form of raw, as --json shows it.
func EscapeName(raw string) string {
	if strings.IndexByte(raw, '%') < 0 && utf8.ValidString(raw) {
		return raw
	}
	b := make([]byte, 0, len(raw)+8)
	for i := 0; i < len(raw); {
		n := run(raw[i:])
		if n == 0 {
			b = append(b, '%', upperDigits[raw[i]>>4], upperDigits[raw[i]&15])
			n = 1
		} else {
			b = append(b, raw[i:i+n]...)
		}
		i += n
	}
	return string(b)
}

// run is the length of the character that s begins with, or 0 if its first byte must be escaped.
func run(s string) int {
	if s[0] == '%' {
		return 0
	}
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 {
		return 0
	}
	return n
}

// AppendName appends raw as a JSON string in its %XX form, quotes included.
func AppendName(b []byte, raw string) []byte {
	b = append(b, '"')
	for i := 0; i < len(raw); {
		n := run(raw[i:])
		switch {
		case n == 0:
			b = append(b, '%', upperDigits[raw[i]>>4], upperDigits[raw[i]&15])
			n = 1
		case n == 1:
			b = appendPlain(b, raw[i])
		default:
			b = append(b, raw[i:i+n]...)
		}
		i += n
	}
	return append(b, '"')
}

// Terminal makes raw safe to show: control characters, bytes that are not UTF-8, and characters that turn the direction
// of writing or hide themselves are written as escapes. It is for eyes; it cannot be undone.
func Terminal(raw string) string {
	clean := true
	for _, r := range raw {
		clean = clean && r != utf8.RuneError && unicode.IsGraphic(r)
	}
	if clean {
		return raw
	}
	var out strings.Builder
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRuneInString(raw[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, raw[i])
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < 0x80 && !unicode.IsGraphic(r):
			fmt.Fprintf(&out, `\x%02x`, r)
		case !unicode.IsGraphic(r) && r > 0xFFFF:
			fmt.Fprintf(&out, `\U%08x`, r)
		case !unicode.IsGraphic(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
		i += n
	}
	return out.String()
}

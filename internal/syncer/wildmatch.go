package syncer

import "strings"

// wildmatch matches text against a shell pattern as git does (its wildmatch.c with WM_PATHNAME): `*` and `?` stop at
// `/`, `**/`, `/**` and `/**/` cross it. An unclosed bracket matches nothing.
func wildmatch(pattern, text string) bool { return wild(pattern, text, true) == wildYes }

type wildResult int8

const (
	wildNo      wildResult = iota
	wildYes                // matched
	wildAbort              // text ran out: no shorter rest can match either
	wildToSlash            // a `*` met a slash: only an outer `**` can still save it
)

func wild(p, t string, start bool) wildResult {
	whole := p
	for len(p) > 0 {
		c := p[0]
		if len(t) == 0 && c != '*' {
			return wildAbort
		}
		switch c {
		case '\\':
			if len(p) == 1 {
				return wildNo
			}
			p = p[1:]
			if p[0] != t[0] {
				return wildNo
			}
			p, t = p[1:], t[1:]
		case '?':
			if t[0] == '/' {
				return wildNo
			}
			p, t = p[1:], t[1:]
		case '[':
			n, ok := bracket(p, t[0])
			if n == 0 || !ok || t[0] == '/' {
				return wildNo
			}
			p, t = p[n:], t[1:]
		case '*':
			atStart := start && len(p) == len(whole) || len(p) < len(whole) && whole[len(whole)-len(p)-1] == '/'
			n := 1
			for n < len(p) && p[n] == '*' {
				n++
			}
			rest := p[n:]
			cross := false
			if n >= 2 && atStart && (rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`)) {
				// "**/" may stand for nothing at all.
				if rest != "" && rest[0] == '/' && wild(rest[1:], t, true) == wildYes {
					return wildYes
				}
				cross = true
			}
			if rest == "" {
				if !cross && strings.IndexByte(t, '/') >= 0 {
					return wildToSlash
				}
				return wildYes
			}
			if !cross && rest[0] == '/' {
				i := strings.IndexByte(t, '/')
				if i < 0 {
					return wildAbort
				}
				p, t = rest, t[i:]
				continue
			}
			for ; len(t) > 0; t = t[1:] {
				r := wild(rest, t, false)
				if r != wildNo && (!cross || r != wildToSlash) {
					return r
				}
				if r == wildNo && !cross && t[0] == '/' {
					return wildToSlash
				}
			}
			return wildAbort
		default:
			if c != t[0] {
				return wildNo
			}
			p, t = p[1:], t[1:]
		}
	}
	if len(t) > 0 {
		return wildNo
	}
	return wildYes
}

// bracket matches c against the bracket expression p begins with. It returns the expression's length, 0 if it is
// not closed.
func bracket(p string, c byte) (int, bool) {
	i, not, ok := 1, false, false
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		not = true
		i++
	}
	for first := true; ; first = false {
		if i >= len(p) {
			return 0, false
		}
		if p[i] == ']' && !first {
			return i + 1, ok != not
		}
		if p[i] == '[' && i+1 < len(p) && p[i+1] == ':' {
			end := strings.Index(p[i+2:], ":]")
			if end >= 0 {
				in, known := class(p[i+2:i+2+end], c)
				if !known {
					return 0, false
				}
				ok = ok || in
				i += 2 + end + 2
				continue
			}
		}
		lo, n := bracketByte(p, i)
		if n == 0 {
			return 0, false
		}
		i += n
		hi := lo
		if i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			hi, n = bracketByte(p, i+1)
			if n == 0 {
				return 0, false
			}
			i += 1 + n
		}
		if lo <= c && c <= hi {
			ok = true
		}
	}
}

// bracketByte reads one byte of a bracket expression, perhaps escaped.
func bracketByte(p string, i int) (byte, int) {
	if p[i] != '\\' {
		return p[i], 1
	}
	if i+1 >= len(p) {
		return 0, 0
	}
	return p[i+1], 2
}

// class says whether c is in the named POSIX class, in the C locale.
func class(name string, c byte) (in, known bool) {
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	graph := c > ' ' && c < 0x7f
	switch name {
	case "alnum":
		in = lower || upper || digit
	case "alpha":
		in = lower || upper
	case "blank":
		in = c == ' ' || c == '\t'
	case "cntrl":
		in = c < ' ' || c == 0x7f
	case "digit":
		in = digit
	case "graph":
		in = graph
	case "lower":
		in = lower
	case "print":
		in = graph || c == ' '
	case "punct":
		in = graph && !lower && !upper && !digit
	case "space":
		in = c == ' ' || '\t' <= c && c <= '\r'
	case "upper":
		in = upper
	case "xdigit":
		in = digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
	default:
		return false, false
	}
	return in, true
}

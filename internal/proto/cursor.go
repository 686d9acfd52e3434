package proto

import (
	"strings"

	"github.com/tidwall/gjson"
)

// cursor goes once over JSON that gjson has found to be valid, from front to back, and gives its values without a copy:
// gjson's own walk looks at every nested object three times and turns every number into a float. Whatever it stands on,
// a cursor neither panics nor goes past the end.
type cursor struct {
	text string
	at   int // after white space: on the first byte of what comes next
}

func newCursor(raw []byte) *cursor {
	c := &cursor{text: string(raw)}
	c.skip()
	return c
}

// next is the byte the cursor stands on; 0: the end.
func (c *cursor) next() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

// pass goes n bytes on and over the white space that follows.
func (c *cursor) pass(n int) {
	c.at += n
	c.skip()
}

func (c *cursor) skip() {
	for c.at < len(c.text) && c.text[c.at] <= ' ' {
		c.at++
	}
}

// left tells how much there is yet: no array that begins here has more values than that.
func (c *cursor) left() int { return len(c.text) - c.at }

// enter goes into an object or array.
func (c *cursor) enter(open byte) bool {
	if c.next() != open {
		return false
	}
	c.pass(1)
	return true
}

// more goes to the next member of an object or array, or leaves it: then it says no. first: none has been read.
func (c *cursor) more(end byte, first bool) bool {
	switch b := c.next(); {
	case b == end:
		c.pass(1)
		return false
	case b == ',' && !first:
		c.pass(1)
		return true
	case b == 0:
		return false
	}
	return first
}

// key reads a member's key up to its value. It answers with the field of this name, or -1 and the name. Fields
// come mostly in the order they are written in, so the search begins where the last one ended.
func (c *cursor) key(fields []field, from int) (i int, name string) {
	if c.next() == '"' {
		rest := c.text[c.at+1:]
		for n := range fields {
			i := from + n
			if i >= len(fields) {
				i -= len(fields)
			}
			if name := fields[i].name; len(rest) > len(name) && rest[len(name)] == '"' && rest[:len(name)] == name {
				c.pass(len(name) + 2)
				c.enter(':')
				return i, name
			}
		}
	}
	name, _ = c.str() // unknown, or spelt with escapes
	c.enter(':')
	return index(fields, name), name
}

// str reads a string; false: something else stands here.
func (c *cursor) str() (string, bool) {
	if c.next() != '"' {
		return "", false
	}
	rest := c.text[c.at+1:]
	n := strings.IndexByte(rest, '"')
	if n < 0 {
		return "", false
	}
	if s := rest[:n]; strings.IndexByte(s, '\\') < 0 {
		c.pass(n + 2)
		return s, true
	}
	for n = 0; n < len(rest) && rest[n] != '"'; n++ {
		if rest[n] == '\\' {
			n++
		}
	}
	n = min(n, len(rest)-1)
	s := gjson.Parse(c.text[c.at : c.at+n+2]).Str
	c.pass(n + 2)
	return s, true
}

// token reads a number or a word.
func (c *cursor) token() string {
	from, at := c.at, c.at
	for at < len(c.text) {
		if b := c.text[at]; b <= ' ' || b == ',' || b == '}' || b == ']' {
			break
		}
		at++
	}
	c.at = at
	c.skip()
	return c.text[from:at]
}

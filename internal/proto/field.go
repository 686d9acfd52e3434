package proto

import "github.com/tidwall/gjson"

// want is what a field's value must be.
type want uint8

const (
	anInteger want = iota // least..most, from decimal digits alone
	aText                 // a string of least..most bytes without control characters
	aSecret               // a string of least..most bytes, any characters
	aBool
	aName   // a name in its %XX form
	aPath   // names in their %XX form with a slash between, most bytes in all
	aHash   // 64 lower-case hex digits
	aKey    // 32 lower-case hex digits
	aBitmap // lower-case hex digits of least..most bytes
	aBytes  // the same, and not a map
	aWord   // one of words
	anArray // least..most values, looked at by the setter
)

// field is one field of an object: its name, what its value must be, whether it may be absent.
type field struct {
	name        string
	want        want
	least, most int64
	words       []string
	optional    bool
}

// value is what a field held, already of its kind and in range: n for integers, words (their index) and booleans (0 or
// 1), s for texts and names (raw bytes), and so on. An array is for the setter to go through, by each, with the cursor
// that stands on it; it reports in err.
type value struct {
	n    int64
	s    string
	hash Hash
	key  Key
	bits Bitmap
	in   *cursor
	err  *Error
}

// parse checks a whole header and hands every field to set. No bytes at all mean {}.
func parse(raw []byte, most int, fields []field, set func(name string, v *value)) *Error {
	if len(raw) == 0 {
		return missing(fields, 0)
	}
	if len(raw) > most {
		return Errorf(TooLarge, "header of %d bytes, at most %d", len(raw), most)
	}
	if err := scan(raw); err != nil {
		return err
	}
	if !gjson.ValidBytes(raw) {
		return Errorf(BadHeader, "not JSON")
	}
	_, err := walk(newCursor(raw), fields, set)
	return err
}

// result turns what parse said into the pair every Parse function returns, without a typed nil.
func result[T any](x *T, err *Error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return x, nil
}

// walk goes through an object once: every key is known and comes once, every value is of its kind and in range, every
// field that is not optional is there. It answers with the set of fields seen, bit i for fields[i].
func walk(c *cursor, fields []field, set func(name string, v *value)) (seen uint32, err *Error) {
	if !c.enter('{') {
		return 0, Errorf(BadHeader, "not an object")
	}
	var v value
	last := -1
	for first := true; c.more('}', first); first = false {
		i, name := c.key(fields, last+1)
		if i < 0 {
			return seen, Errorf(BadHeader, "unknown field %q", Cut(name, 32))
		}
		if seen&(1<<i) != 0 {
			return seen, Errorf(BadHeader, "field %s twice", name)
		}
		seen |= 1 << i
		last = i
		if err := fields[i].read(c, &v); err != nil {
			return seen, err
		}
		set(name, &v)
		if v.err != nil {
			return seen, v.err
		}
	}
	return seen, missing(fields, seen)
}

func index(fields []field, name string) int {
	for i := range fields {
		if fields[i].name == name {
			return i
		}
	}
	return -1
}

// missing tells the first field that is neither seen nor optional.
func missing(fields []field, seen uint32) *Error {
	for i := range fields {
		if seen&(1<<i) == 0 && !fields[i].optional {
			return Errorf(BadHeader, "field %s is missing", fields[i].name)
		}
	}
	return nil
}

// read checks one value against its field and leaves it in v.
func (f *field) read(c *cursor, v *value) *Error {
	ok := false
	switch f.want {
	case anInteger:
		v.n, ok = number(c.token(), f.least, f.most)
	case aBool:
		word := c.token()
		v.n, ok = 0, word == "true" || word == "false"
		if word == "true" {
			v.n = 1
		}
	case anArray:
		v.in, ok = c, c.next() == '['
	default:
		var s string
		if s, ok = c.str(); ok {
			var err *Error
			if ok, err = f.readString(s, v); err != nil {
				return err
			}
		}
	}
	if !ok {
		return Errorf(BadHeader, "field %s: wrong value", f.name)
	}
	return nil
}

func (f *field) readString(s string, v *value) (ok bool, err *Error) {
	switch f.want {
	case aText, aSecret:
		v.s = s
		ok = int64(len(s)) >= f.least && int64(len(s)) <= f.most && (f.want == aSecret || !hasControl(s))
	case aName:
		v.s, err = parseName(s)
		ok = err == nil
	case aPath:
		v.s, err = parsePath(s, int(f.most))
		ok = err == nil
	case aHash:
		ok = decodeHex(v.hash[:], s)
	case aKey:
		ok = decodeHex(v.key[:], s)
	case aBitmap, aBytes:
		if n := int64(len(s) / 2); n >= f.least && n <= f.most {
			v.bits = make(Bitmap, n)
			ok = decodeHex(v.bits, s)
		}
	case aWord:
		for i, w := range f.words {
			if w == s {
				v.n, ok = int64(i), true
				break
			}
		}
	}
	return ok, err
}

// each goes through the array in v, which must have least..most values, until f reports an error; that error names the
// entry. do reads the value the cursor stands on.
func (f *field) each(v *value, do func(i int, c *cursor) *Error) *Error {
	c, n := v.in, 0
	c.enter('[')
	for ; c.more(']', n == 0); n++ {
		if int64(n) == f.most {
			return Errorf(BadHeader, "field %s: more than %d entries", f.name, f.most)
		}
		if err := do(n, c); err != nil {
			if err.Entry < 0 {
				err.Entry = n
			}
			return err
		}
	}
	if int64(n) < f.least {
		return Errorf(BadHeader, "field %s: %d entries, at least %d", f.name, n, f.least)
	}
	return nil
}

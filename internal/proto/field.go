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
	aHash   // 64 lower-case hex digits
	aKey    // 32 lower-case hex digits
	aBitmap // lower-case hex digits of least..most bytes
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
// 1), s for texts and names (raw bytes), and so on. Arrays are left in json for the setter, which reports in err.
type value struct {
	n    int64
	s    string
	hash Hash
	key  Key
	bits Bitmap
	json gjson.Result
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
	_, err := walk(gjson.ParseBytes(raw), fields, set)
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
func walk(object gjson.Result, fields []field, set func(name string, v *value)) (seen uint32, err *Error) {
	if !object.IsObject() {
		return 0, Errorf(BadHeader, "not an object")
	}
	var v value
	object.ForEach(func(k, json gjson.Result) bool {
		i := index(fields, k.Str)
		if i < 0 {
			err = Errorf(BadHeader, "unknown field %q", cut(k.Str, 32))
			return false
		}
		if seen&(1<<i) != 0 {
			err = Errorf(BadHeader, "field %s twice", fields[i].name)
			return false
		}
		seen |= 1 << i
		if err = fields[i].read(json, &v); err != nil {
			return false
		}
		set(fields[i].name, &v)
		err = v.err
		return err == nil
	})
	if err == nil {
		err = missing(fields, seen)
	}
	return seen, err
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
func (f *field) read(json gjson.Result, v *value) *Error {
	v.json = json
	ok := false
	switch f.want {
	case anInteger:
		v.n, ok = number(json.Raw, f.least, f.most)
	case aText, aSecret:
		v.s, ok = json.Str, json.Type == gjson.String && int64(len(json.Str)) >= f.least && int64(len(json.Str)) <= f.most
		ok = ok && (f.want == aSecret || !hasControl(v.s))
	case aBool:
		v.n, ok = 0, json.Type == gjson.True || json.Type == gjson.False
		if json.Type == gjson.True {
			v.n = 1
		}
	case aName:
		if json.Type == gjson.String {
			raw, err := parseName(json.Str)
			if err != nil {
				return err
			}
			v.s, ok = raw, true
		}
	case aHash:
		ok = json.Type == gjson.String && decodeHex(v.hash[:], json.Str)
	case aKey:
		ok = json.Type == gjson.String && decodeHex(v.key[:], json.Str)
	case aBitmap:
		n := int64(len(json.Str) / 2)
		if json.Type == gjson.String && n >= f.least && n <= f.most {
			v.bits = make(Bitmap, n)
			ok = decodeHex(v.bits, json.Str)
		}
	case aWord:
		for i, w := range f.words {
			if json.Type == gjson.String && w == json.Str {
				v.n, ok = int64(i), true
			}
		}
	case anArray:
		ok = json.IsArray()
	}
	if !ok {
		return Errorf(BadHeader, "field %s: wrong value", f.name)
	}
	return nil
}

// each goes through the array in v, which must have least..most values, until f reports an error; that error names the
// entry.
func (f *field) each(v *value, do func(i int, json gjson.Result) *Error) (err *Error) {
	n := 0
	v.json.ForEach(func(_, json gjson.Result) bool {
		if int64(n) == f.most {
			err = Errorf(BadHeader, "field %s: more than %d entries", f.name, f.most)
			return false
		}
		if err = do(n, json); err != nil && err.Entry < 0 {
			err.Entry = n
		}
		n++
		return err == nil
	})
	if err == nil && int64(n) < f.least {
		err = Errorf(BadHeader, "field %s: %d entries, at least %d", f.name, n, f.least)
	}
	return err
}

package proto

import "math"

// page is what every page of names, versions or changes tells beside its array: how the namespace stood when it was read,
// and whether others follow.
type page struct {
	epoch, journal int64
	more           bool
}

// pageFields are the fields of a page with its array.
func pageFields(array field) []field {
	return []field{
		{name: "epoch", want: anInteger, most: math.MaxInt64},
		{name: "journal", want: anInteger, most: math.MaxInt64},
		{name: "more", want: aBool, optional: true},
		array,
	}
}

// parsePage reads the header of a reply that is a page. read reads the i-th element of its array.
func parsePage(raw []byte, fields []field, read func(i int, in *cursor) *Error) (p page, err *Error) {
	array := &fields[len(fields)-1]
	empty := true
	err = parse(raw, MaxReplyHeader, fields, func(name string, v *value) {
		switch name {
		case "epoch":
			p.epoch = v.n
		case "journal":
			p.journal = v.n
		case "more":
			p.more = v.n != 0
		default:
			v.err = array.each(v, func(i int, in *cursor) *Error {
				empty = false
				return read(i, in)
			})
		}
	})
	if err == nil && p.more && empty {
		err = Errorf(BadHeader, "more after an empty page")
	}
	return p, err
}

// append begins an object with the page's own fields.
func (p page) append(b []byte) []byte {
	b = appendInt(append(b, '{'), "epoch", p.epoch)
	b = appendInt(b, "journal", p.journal)
	return appendTrue(b, "more", p.more)
}

package proto

import "math"

// number reads decimal digits and nothing else, from the raw text: no point, no exponent, no sign unless the field may
// be negative, no leading zero. It never wraps.
func number(raw string, least, most int64) (int64, bool) {
	digits := raw
	negative := least < 0 && len(raw) > 0 && raw[0] == '-'
	if negative {
		digits = raw[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && (len(digits) > 1 || negative) {
		return 0, false
	}
	var u uint64 // 19 digits always fit
	for i := 0; i < len(digits); i++ {
		c := digits[i] - '0'
		if c > 9 {
			return 0, false
		}
		u = u*10 + uint64(c)
	}
	var n int64
	switch {
	case negative && u <= 1<<63:
		n = -int64(u)
	case !negative && u <= math.MaxInt64:
		n = int64(u)
	default:
		return 0, false
	}
	return n, n >= least && n <= most
}

package delta

import "io"

// view is the part of a file that lies in memory: it only moves forward, and every byte is read once.
type view struct {
	r        io.ReaderAt // nil: all of it is in buf from the beginning
	buf      []byte
	base     int64 // where buf begins in the file
	end      int64 // where what was read ends
	limit    int64 // nothing is read beyond
	from, to int64 // of these bytes seen is told
	seen     func([]byte)
}

// readAtOnce keeps a system call below the 20 us after which the Go runtime takes its processor away, which costs more than the
// calls.
const readAtOnce = 64 << 10

// shownAhead is how far what is in memory is shown before it is compared: it is in the cache still then.
const shownAhead = 256 << 10

// need reads on until the bytes up to end, at most limit, are there. Those before keep are given up if room is needed.
func (v *view) need(keep, end int64) error {
	if end <= v.end {
		return nil
	}
	if end > v.base+int64(len(v.buf)) {
		keep = min(keep, v.end)
		copy(v.buf, v.buf[keep-v.base:v.end-v.base])
		v.base = keep
	}
	more := v.buf[v.end-v.base:]
	if v.r == nil {
		more = more[:min(int64(len(more)), end-v.end+shownAhead)]
	}
	for len(more) > 0 && v.end < v.limit {
		part := more[:min(int64(len(more)), readAtOnce, v.limit-v.end)]
		if v.r != nil {
			if err := readFull(v.r, part, v.end); err != nil {
				return err
			}
		}
		from := min(max(v.from-v.end, 0), int64(len(part)))
		to := max(min(v.to-v.end, int64(len(part))), from)
		if from < to && v.seen != nil {
			v.seen(part[from:to])
		}
		v.end += int64(len(part))
		more = more[len(part):]
	}
	return nil
}

// bytes are those from one place to another, which must be there.
func (v *view) bytes(from, to int64) []byte { return v.buf[from-v.base : to-v.base] }

package proto

import "math"

// Quota asks how much room the account has.
type Quota struct{}

// QuotaReply tells it, in bytes.
type QuotaReply struct {
	Used  int64 // charged for names and kept versions
	Held  int64 // charged for uploads not yet named, open uploads included
	Limit int64 // 0: none
}

var quotaReplyFields = []field{
	{name: "used", want: anInteger, most: math.MaxInt64},
	{name: "held", want: anInteger, most: math.MaxInt64},
	{name: "limit", want: anInteger, most: math.MaxInt64, optional: true},
}

// ParseQuota reads the header of a quota.
func ParseQuota(raw []byte) (*Quota, error) { return result(&Quota{}, parseNothing(raw, MaxHeader)) }

// Append appends nothing: no bytes mean {}.
func (x *Quota) Append(b []byte) []byte { return b }

// ParseQuotaReply reads the header of the reply to a quota.
func ParseQuotaReply(raw []byte) (*QuotaReply, error) {
	x := &QuotaReply{}
	return result(x, parse(raw, MaxReplyHeader, quotaReplyFields, func(name string, v *value) {
		switch name {
		case "used":
			x.Used = v.n
		case "held":
			x.Held = v.n
		case "limit":
			x.Limit = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *QuotaReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "used", x.Used)
	b = appendInt(b, "held", x.Held)
	b = appendOptional(b, "limit", x.Limit)
	return closeObject(b)
}

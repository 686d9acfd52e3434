package proto

import (
	"fmt"
	"math"
	"strconv"
)

// Error is what a peer is told when a request fails: the header of a reply that has FlagError. The cause stays in the
// server's log; Message is for a person and never says more than the code may.
type Error struct {
	Code    Code
	Message string
	Entry   int   // of a batch, which failed; -1: none
	RetryMs int64 // when to try again, if the server knows; 0: it does not say
}

// Errorf makes an Error that names no entry.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Entry: -1}
}

func (e *Error) Error() string {
	s := e.Code.String()
	if e.Entry >= 0 {
		s += " (entry " + strconv.Itoa(e.Entry) + ")"
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

var errorFields = []field{
	{name: "code", want: anInteger, least: 1, most: math.MaxUint16},
	{name: "message", want: aText, most: MaxMessage, optional: true},
	{name: "entry", want: anInteger, most: MaxBatch - 1, optional: true},
	{name: "retry_ms", want: anInteger, most: MaxRetryMs, optional: true},
}

// ParseError reads the header of an error reply. A code that this program does not know is kept: the server may be newer.
func ParseError(raw []byte) (*Error, error) {
	x := &Error{Entry: -1}
	return result(x, parse(raw, MaxReplyHeader, errorFields, func(name string, v *value) {
		switch name {
		case "code":
			x.Code = Code(v.n)
		case "message":
			x.Message = v.s
		case "entry":
			x.Entry = int(v.n)
		case "retry_ms":
			x.RetryMs = v.n
		}
	}))
}

// Append appends the error as JSON to b. What would make it unreadable for a strict peer is cut.
func (e *Error) Append(b []byte) []byte {
	b = append(b, '{')
	b = appendInt(b, "code", int64(e.Code))
	b = appendMessage(b, e.Message)
	if e.Entry >= 0 {
		b = appendInt(b, "entry", int64(e.Entry))
	}
	if e.RetryMs > 0 {
		b = appendInt(b, "retry_ms", min(e.RetryMs, MaxRetryMs))
	}
	return closeObject(b)
}

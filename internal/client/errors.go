package client

import "errors"

var (
	// ErrChanged: the file changed while it was sent; nothing of it was published. Worth one whole retry.
	ErrChanged = errors.New("file changed while it was read")
	// ErrClosed: the Remote was closed.
	ErrClosed = errors.New("remote is closed")
)

// Error is what the server answered instead of a reply.
type Error struct {
	Request string // name of the request type
	Code    Code
	Message string
	Entry   int // entry of a batch that is to blame; -1: none
	RetryMs int64
}

func (e *Error) Error() string { return e.Request + ": " + e.Message }

// CodeOf is the server's code in err's chain; OK when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return OK
}

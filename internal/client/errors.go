package client

import (
	"errors"
	"fmt"
)

var (
	// ErrChanged: the file changed while it was sent; nothing of it was published. Worth one whole retry.
	ErrChanged = errors.New("the file changed while it was read")
	// ErrClosed: the Remote was closed.
	ErrClosed = errors.New("the remote is closed")
	// ErrProtocol: the server sent what the protocol does not allow. The connection is given up.
	ErrProtocol = errors.New("the server breaks the protocol")
	// ErrIntegrity: bytes came that are not those of their hash. They were not handed out as good.
	ErrIntegrity = errors.New("the server sent bytes that do not match their hash")
	// ErrOtherServer: a new connection reached another server, or another data folder, than the first one.
	ErrOtherServer = errors.New("another server answers at this address than before")
	// ErrTimeout: a reply was awaited and nothing moved.
	ErrTimeout = errors.New("the server did not answer in time")
)

// Error is what the server answered instead of a reply.
type Error struct {
	Request string // name of the request type
	Code    Code
	Message string
	Entry   int // entry of a batch that is to blame; -1: none
	RetryMs int64
}

func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = e.Code.String()
	}
	if e.Entry >= 0 {
		return fmt.Sprintf("%s: entry %d: %s", e.Request, e.Entry, text)
	}
	return e.Request + ": " + text
}

// NewError makes the failure of one entry of a batch an error by itself.
func NewError(request string, code Code, message string) *Error {
	return &Error{Request: request, Code: code, Message: message, Entry: -1}
}

// CodeOf is the server's code in err's chain; OK when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return OK
}

// lostError is a connection that ended, or could not be made, before the whole reply was there. Every request may be
// sent again: changing ones carry a key, the others are idempotent.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "connection lost: " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// localError is a failure of this machine's file in the middle of a transfer.
type localError struct{ cause error }

func (e *localError) Error() string { return e.cause.Error() }
func (e *localError) Unwrap() error { return e.cause }

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

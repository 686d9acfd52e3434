package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sluice/internal/ask"
)

// ErrNotRunning says that no server answers at the socket.
var ErrNotRunning = errors.New("no server is running on this data folder")

// RefusedError is an answer that is an error.
type RefusedError struct {
	Code int // the exit code for it; 0: any
	Text string
}

func (e *RefusedError) Error() string { return "the server answers: " + e.Text }

// Server answers on the socket until Close.
type Server = ask.Server

// Serve binds the socket at path, replacing one a dead server left: the caller
// holds the data folder's lock. answer is called from several goroutines.
func Serve(path string, answer func(Request) Response) (*Server, error) {
	return ask.Serve(path, lines(answer))
}

// Adopt answers on a socket another process has bound at path, and takes ownership of fd,
// which is its listener. Questions that wait in it are answered too.
func Adopt(fd int, path string, answer func(Request) Response) (*Server, error) {
	return ask.Adopt(fd, path, lines(answer))
}

// lines makes an answer to a Request one to a line of JSON.
func lines(answer func(Request) Response) func([]byte) []byte {
	return func(question []byte) []byte {
		var request Request
		var response Response
		switch err := json.Unmarshal(question, &request); {
		case question == nil:
			response.Error = fmt.Sprintf("want one line of JSON of at most %d bytes", ask.MaxQuestion)
		case err != nil:
			response.Error = "read the question: " + err.Error()
		default:
			response = answer(request)
		}
		line, err := json.Marshal(response)
		if err != nil {
			line, _ = json.Marshal(Response{Error: "BUG: the answer has no JSON form: " + err.Error()})
		}
		return line
	}
}

// Ask puts one question to the server whose socket is at path. An answer that is
// an error is returned as one.
func Ask(path string, request Request) (Response, error) {
	return AskWithin(path, request, ask.Exchange)
}

// AskWithin is Ask for what takes the server longer to do.
func AskWithin(path string, request Request, limit time.Duration) (Response, error) {
	var response Response
	line, err := json.Marshal(request)
	if err != nil {
		return response, fmt.Errorf("write the question: %w", err)
	}
	line, err = ask.Ask(path, line, limit)
	switch {
	case errors.Is(err, ask.ErrNobody):
		return response, ErrNotRunning
	case err != nil:
		return response, fmt.Errorf("the server's control socket: %w", err)
	}
	if err := json.Unmarshal(line, &response); err != nil {
		return response, fmt.Errorf("read the server's answer: %w", err)
	}
	if response.Error != "" {
		return response, &RefusedError{Code: response.Code, Text: response.Error}
	}
	return response, nil
}

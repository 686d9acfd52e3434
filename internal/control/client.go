package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxResponse bounds an answer: 64 workers take about 32 KiB.
const maxResponse = 4 << 20

// ErrNotRunning says that no server answers at the socket.
var ErrNotRunning = errors.New("no server is running on this data folder")

// RefusedError is an answer that is an error.
type RefusedError struct {
	Code int // the exit code for it; 0: any
	Text string
}

func (e *RefusedError) Error() string { return "the server answers: " + e.Text }

// Ask puts one question to the server whose socket is at path. An answer that is
// an error is returned as one.
func Ask(path string, request Request) (Response, error) { return AskWithin(path, request, exchange) }

// AskWithin is Ask for what takes the server longer to do.
func AskWithin(path string, request Request, limit time.Duration) (Response, error) {
	var response Response
	address, done, err := socketAddress(path)
	if errors.Is(err, os.ErrNotExist) {
		return response, ErrNotRunning
	}
	if err != nil {
		return response, err
	}
	defer done()
	conn, err := net.DialTimeout("unix", address, exchange)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return response, ErrNotRunning
	case err != nil:
		return response, fmt.Errorf("connect to the server's control socket: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return response, fmt.Errorf("ask the server: %w", err)
	}
	line, err := json.Marshal(request)
	if err != nil {
		return response, fmt.Errorf("write the question: %w", err)
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return response, fmt.Errorf("ask the server: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, maxResponse)).Decode(&response); err != nil {
		return response, fmt.Errorf("read the server's answer: %w", err)
	}
	if response.Error != "" {
		return response, &RefusedError{Code: response.Code, Text: response.Error}
	}
	return response, nil
}

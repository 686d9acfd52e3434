package ask

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxAnswer bounds an answer: a server's 64 workers take about 32 KiB.
const maxAnswer = 4 << 20

// ErrNobody says that nobody answers at the socket.
var ErrNobody = errors.New("nobody answers")

// Ask puts one question, a line without its end, to who answers at path, and gives the answer's
// line. limit is for the answer.
func Ask(path string, question []byte, limit time.Duration) ([]byte, error) {
	address, done, err := socketAddress(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := net.DialTimeout("unix", address, Exchange)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return nil, ErrNobody
	case err != nil:
		return nil, fmt.Errorf("connect to the socket: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	if _, err := conn.Write(append(question[:len(question):len(question)], '\n')); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxAnswer)).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return line, nil
}

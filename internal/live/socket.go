package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sluice/internal/ask"
)

// Question is what a running process can be asked.
type Question struct {
	Command string `json:"command"`       // "status", or "look": look at everything now
	Dir     string `json:"dir,omitempty"` // the root that is meant; empty: all
}

// Answer is what it says.
type Answer struct {
	Error   string    `json:"error,omitempty"`
	Reports []*Report `json:"reports"`
}

// Serve answers questions about roots on a socket in the folder dir, until the returned function is called.
func Serve(dir string, roots []*Root) (end func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for sockets: %w", err)
	}
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+".sock")
	server, err := ask.Serve(path, func(question []byte) []byte {
		var q Question
		var a Answer
		if err := json.Unmarshal(question, &q); err != nil {
			a.Error = "want one line of JSON"
		} else {
			a = answer(roots, q)
		}
		line, _ := json.Marshal(a)
		return line
	})
	if err != nil {
		return nil, err
	}
	return func() { _ = server.Close() }, nil // its socket is told apart as dead in any case
}

func answer(roots []*Root, q Question) Answer {
	a := Answer{Reports: []*Report{}}
	for _, r := range roots {
		if q.Dir != "" && q.Dir != r.Dir {
			continue
		}
		switch q.Command {
		case "status":
		case "look":
			r.Nudge()
		default:
			return Answer{Error: "unknown command " + strconv.Quote(q.Command)}
		}
		report, err := r.Report()
		if err != nil {
			return Answer{Error: err.Error()}
		}
		report.Pid = os.Getpid()
		a.Reports = append(a.Reports, report)
	}
	return a
}

// Ask asks all running processes whose sockets are in the folder dir. Sockets of dead ones are removed.
func Ask(dir string, q Question) ([]*Report, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for running processes: %w", err)
	}
	question, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	var all []*Report
	for _, name := range names {
		pid, ok := strings.CutSuffix(name.Name(), ".sock")
		if !ok {
			continue
		}
		path := filepath.Join(dir, name.Name())
		line, err := ask.Ask(path, question, ask.Exchange)
		if err != nil && !errors.Is(err, ask.ErrNobody) { // it may have ended with the question in its hands
			line, err = ask.Ask(path, question, ask.Exchange)
		}
		if errors.Is(err, ask.ErrNobody) {
			removeDead(name, path)
			continue
		}
		var a Answer
		if err == nil {
			err = json.Unmarshal(line, &a)
		}
		if err == nil && a.Error != "" {
			err = errors.New(a.Error)
		}
		if err != nil {
			return nil, fmt.Errorf("ask process %s: %w", pid, err)
		}
		all = append(all, a.Reports...)
	}
	return all, nil
}

// removeDead removes a socket that nobody answers at, unless it is so new that somebody may be about to.
func removeDead(e os.DirEntry, path string) {
	if fi, err := e.Info(); err == nil && time.Since(fi.ModTime()) > time.Minute {
		_ = os.Remove(path)
	}
}

package parent

import (
	"errors"
	"fmt"

	"sluice/internal/control"
	"sluice/internal/metrics"
)

// answer answers the control socket, from goroutines of its own: it reads the page and the
// loop's view, and has the loop do what is asked.
func (s *server) answer(r control.Request) control.Response {
	switch r.Command {
	case control.CommandStatus:
		return control.Response{Status: s.status()}
	case control.CommandMetrics:
		text, err := metrics.Text(s.page, s.view.Load().version)
		if err != nil {
			return control.Response{Error: err.Error()}
		}
		return control.Response{Metrics: text}
	case control.CommandReload:
		return s.request(s.reload)
	case control.CommandUpgrade:
		return s.request(s.beginUpgrade)
	case control.CommandDrain:
		return s.request(func(done chan result) {
			s.drain(s.config.DrainLimit)
			s.tell([]chan result{done}, result{text: fmt.Sprintf("draining: the server ends within %v", s.config.DrainLimit)})
		})
	}
	return control.Response{Error: fmt.Sprintf("unknown command %q: this server knows %q", r.Command, control.Commands)}
}

// request has the loop carry out f, and waits for what f or a later turn says.
func (s *server) request(f func(chan result)) control.Response {
	done := make(chan result, 1)
	s.wake.post(func() { f(done) })
	var r result
	select {
	case r = <-done:
	case <-s.over:
		select {
		case r = <-done:
		default:
			r.err = fmt.Errorf("%w: the server has ended", ErrBusy)
		}
	}
	if r.err != nil {
		return control.Response{Error: r.err.Error(), Code: s.codeOf(r.err)}
	}
	return control.Response{Text: r.text}
}

// codeOf is the exit code of an error for the command that asked.
func (s *server) codeOf(err error) int {
	var other *StartUpError // from a successor, which knows the code
	if errors.As(err, &other) && other.Code > 0 {
		return other.Code
	}
	return s.code(err)
}

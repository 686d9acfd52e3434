package bench

import (
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// probe sends requests at a steady pace on a few connections and times every answer. A request that was due while the one
// before was still unanswered counts from when it was due: else a server that stands still for a second would cost one
// slow answer instead of all that nobody could ask for meanwhile.
func probe(j job, _ func(string)) (answer, error) {
	times := make([][]time.Duration, j.Connections)
	var opened, ran errgroup.Group
	run := make(chan time.Time)
	for i := range j.Connections {
		done := make(chan error, 1)
		opened.Go(func() error { return <-done })
		ran.Go(func() error {
			runtime.LockOSThread()
			p := prober{loader: loader{job: j}, in: make([]byte, 256<<10), next: i * len(j.Requests) / j.Connections}
			err := p.open()
			done <- err
			begin, ok := <-run
			if err != nil || !ok {
				return err
			}
			defer unix.Close(p.fd)
			// Evenly spread, so that the connections do not ask all at once.
			times[i], err = p.run(begin.Add(j.Pace*time.Duration(i)/time.Duration(j.Connections)), begin.Add(j.Duration))
			return err
		})
	}
	if err := opened.Wait(); err != nil {
		close(run)
		_ = ran.Wait()
		return answer{}, err
	}
	start, server, client, moved := time.Now(), treeCPU(j.Server), ownCPU(), loopbackBytes()
	for range j.Connections {
		run <- start
	}
	err := ran.Wait()
	a := answer{Wall: time.Since(start), Server: treeCPU(j.Server) - server, Client: ownCPU() - client, Moved: loopbackBytes() - moved}
	var all []time.Duration
	for _, some := range times {
		all = append(all, some...)
	}
	a.Units, a.Delay = int64(len(all)), quantilesOf(all)
	return a, err
}

// prober is one connection of a probe.
type prober struct {
	loader // for the length of answers
	fd     int
	in     []byte
	next   int
}

// open connects and has the first answer, which nobody times.
func (p *prober) open() error {
	var err error
	if p.fd, err = dial(p.Address, p.Congestion); err != nil {
		return err
	}
	if err := greet(p.fd, p.job); err != nil {
		return err
	}
	return p.ask()
}

func (p *prober) run(due, end time.Time) (times []time.Duration, err error) {
	for last := due; due.Before(end); due = due.Add(p.Pace) {
		time.Sleep(time.Until(due))
		begin := time.Now()
		if last.After(due) {
			begin = due
		}
		if err := p.ask(); err != nil {
			return times, err
		}
		last = time.Now()
		times = append(times, last.Sub(begin))
	}
	return times, nil
}

// ask sends one request and reads the whole answer.
func (p *prober) ask() error {
	if err := writeAll(p.fd, p.Requests[p.next]); err != nil {
		return err
	}
	p.next = (p.next + 1) % len(p.Requests)
	return readAnswer(&p.loader, p.fd, p.in)
}

// readAnswer reads one answer, which must fit b.
func readAnswer(l *loader, fd int, b []byte) error {
	for have, want := 0, int64(0); want == 0 || int64(have) < want; {
		n, err := unix.Read(fd, b[have:])
		switch {
		case err == unix.EAGAIN:
			await(fd, unix.POLLIN)
			continue
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return errClosed // also when b is full
		}
		have += n
		if want, err = l.length(b[:have]); err != nil {
			return err
		}
	}
	return nil
}

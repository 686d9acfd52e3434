package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/bench"
	"sluice/internal/client"
)

func (p *program) benchCommand() *cobra.Command {
	var quick bool
	c := p.command(&cobra.Command{
		Use:   "bench REMOTE:[PATH]",
		Short: "Measure a server: transfers, many connections, small requests",
		Long: `It works in a folder of its own in PATH, which it removes at the end, and sends up to 240 MiB (48 MiB with --quick)
that are never named: the server charges them until it frees them, within a day. Other work on either machine or on
the way between shows in the figures.`,
		Example: `  sluice bench home:
  sluice bench home: --quick
  sluice bench home: --json --connections 8`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completePaths,
	}, func(ctx context.Context, args []string) error { return p.bench(ctx, args[0], quick) })
	c.Flags().BoolVar(&quick, "quick", false, "a few seconds, and less space")
	return c
}

func (p *program) bench(ctx context.Context, arg string, quick bool) error {
	s, path, err := p.reach(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	l, err := s.must(ctx, path)
	if err != nil {
		return err
	}
	if !l.folder() {
		return usagef("%s is a file: name a folder, or nothing after the colon", visible(path.String()))
	}
	usual := p.flags.connections
	m := bench.Remote{
		Dial: func(ctx context.Context, connections int) (*client.Remote, error) {
			if connections == 0 {
				connections = usual
			}
			return p.dialWith(ctx, s.at, connections)
		},
		Parent: l.last().Node, Plan: bench.FullPlan(), Watch: new(bench.Watch),
	}
	if quick {
		m.Plan = bench.QuickPlan()
	}
	end := p.watch(m.Watch)
	report, err := m.Run(ctx)
	end()
	var full *bench.NoRoomError
	if errors.As(err, &full) && !quick {
		return fmt.Errorf("%w: --quick needs %s", err, size(bench.QuickPlan().Space))
	}
	if err != nil {
		return err
	}
	if p.flags.json {
		return p.printJSON(report)
	}
	if !p.flags.quiet {
		p.printBench(report)
	}
	return nil
}

// dialWith is dial with a number of connections that no flag gave.
func (p *program) dialWith(ctx context.Context, at remote, connections int) (*client.Remote, error) {
	q := program{stdin: p.stdin, stdout: p.stdout, stderr: p.stderr, lookup: p.lookup, flags: p.flags}
	q.flags.connections = connections
	return q.dial(ctx, at.Address, at.Token)
}

func (p *program) printBench(r *bench.RemoteReport) {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	transfer := func(name string, t bench.Transfer) {
		fmt.Fprintf(w, "%s\t%s/s\t%s in %s, %s, client CPU %.2f s/GiB\n", name, size(int64(t.Rate)), size(t.Bytes), seconds(t.Seconds),
			count(int64(r.Connections), "connection", "connections"), t.CPU/(float64(t.Bytes)/(1<<30)))
	}
	transfer("up", r.Up)
	transfer("down", r.Down)
	fmt.Fprintf(w, "open\t%s/s\t%s in %s, each with its log-in\n", thousands(int64(float64(r.Open.Connections)/r.Open.Seconds)),
		count(int64(r.Open.Connections), "connection", "connections"), seconds(r.Open.Seconds))
	w.Flush()
	fmt.Fprintln(p.stdout)
	w = tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "request\tconnections\ta second\tp50\tp99\tp99.9\tclient CPU\t")
	for _, q := range r.Requests {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", q.Name, q.Connections, thousands(int64(q.Rate)), micros(q.P50), micros(q.P99), micros(q.P999), micros(q.CPU))
	}
	w.Flush()
	fmt.Fprintf(p.stdout, "\nThe own folder is removed; %s stay charged until the server frees unnamed uploads, within a day.\n", size(r.Held))
}

// seconds and micros show three digits that count.
func seconds(s float64) string { return micros(s * 1e6) }

func micros(us float64) string {
	switch {
	case us >= 1e6:
		return fmt.Sprintf("%.3g s", us/1e6)
	case us >= 1e3:
		return fmt.Sprintf("%.3g ms", us/1e3)
	}
	return fmt.Sprintf("%.3g us", us)
}

// watch shows how far a measurement is, as display does for transfers.
func (p *program) watch(watch *bench.Watch) (end func()) {
	asJSON := p.flags.progress == "json"
	hidden := p.flags.progress == "none" || p.flags.progress == "auto" && (p.flags.quiet || p.flags.json)
	if hidden || !asJSON && !onTerminal(p.stderr) {
		return func() {}
	}
	every := barEvery
	if asJSON {
		every = jsonEvery
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				step, share := watch.Now()
				if asJSON {
					b, _ := json.Marshal(struct {
						Event string  `json:"event"`
						Step  string  `json:"step"`
						Share float64 `json:"share"`
					}{"progress", step, share})
					fmt.Fprintf(p.stderr, "%s\n", b)
					continue
				}
				fmt.Fprintf(p.stderr, "\rmeasuring: %s, %.0f %%\x1b[K", step, 100*share)
			case <-done:
				if !asJSON {
					fmt.Fprint(p.stderr, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

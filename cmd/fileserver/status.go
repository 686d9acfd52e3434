package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/control"
)

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "status",
		Short:   "Show what the running server does",
		Example: "  sluiced status\n  sluiced status --json --data /srv/sluice",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			answer, err := p.askServer(control.CommandStatus, 0)
			switch {
			case err != nil:
				return err
			case answer.Status == nil:
				return errors.New("the server's answer holds no status: is it of another version?")
			}
			if asJSON {
				return json.NewEncoder(p.stdout).Encode(answer.Status)
			}
			return p.showStatus(answer.Status)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}

func (p *program) showStatus(st *control.Status) error {
	plain := ""
	if st.Plain {
		plain = ", plain TCP allowed"
	}
	up := (time.Duration(st.UptimeMs) * time.Millisecond).Round(time.Second)
	fmt.Fprintf(p.stdout, "sluiced %s, process %d: %s, up %s\n", visible(st.Version), st.Pid, visible(st.State), up)
	if st.Successor != 0 && len(st.Listen) > 0 {
		fmt.Fprintf(p.stdout, "upgrade  process %d comes up to take over\n", st.Successor)
	}
	for _, pid := range st.Predecessors {
		fmt.Fprintf(p.stdout, "upgrade  process %d was replaced and still finishes something\n", pid)
	}
	fmt.Fprintf(p.stdout, "data     %s\n", visible(st.Data))
	fmt.Fprintf(p.stdout, "listen   %s%s\n", visible(strings.Join(st.Listen, " ")), plain)
	for _, address := range st.Metrics {
		fmt.Fprintf(p.stdout, "metrics  http://%s/metrics\n", visible(address))
	}
	fmt.Fprintf(p.stdout, "clients  %d connected, %d of them not logged in; %d accepted, %d refused\n",
		st.Connections, st.Unknown, st.Accepted, st.Refused)
	fmt.Fprintf(p.stdout, "workers  %d died", st.Deaths)
	if st.BackoffMs > 0 {
		fmt.Fprintf(p.stdout, "; the next start waits up to %v", time.Duration(st.BackoffMs)*time.Millisecond)
	}
	fmt.Fprint(p.stdout, "\n\n")
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORKER\tPID\tPARENT\tSTATE\tCLIENTS\tREQUESTS\tERRORS\tIN\tOUT\tPIPES\tRESTARTS\tHUNG")
	for _, w := range st.Workers {
		fmt.Fprintf(table, "%d\t%d\t%d\t%s\t%d\t%d\t%d\t%s\t%s\t%d (%s)\t%d\t%d\n", w.Slot, w.Pid, w.Parent, visible(w.State), w.Connections,
			w.Requests, w.Errors, formatSize(int64(w.BytesIn)), formatSize(int64(w.BytesOut)), w.PipesOpen, formatSize(w.PipeBytes),
			w.Restarts, w.Hung)
	}
	return table.Flush()
}

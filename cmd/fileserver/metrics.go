package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"sluice/internal/control"
)

func (p *program) metricsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Print the running server's counters as Prometheus reads them",
		Long: `Print the running server's counters in Prometheus' text form. The same is served by HTTP where the
setting metrics names an address: that is for Prometheus, this for a shell and for collectors that read files.`,
		Example: `  sluiced metrics | grep sluice_requests_total
  sluiced metrics > /var/lib/prometheus/node-exporter/sluice.prom.new`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			answer, err := p.askServer(control.CommandMetrics, 0)
			switch {
			case err != nil:
				return err
			case answer.Metrics == "":
				return errors.New("the server's answer holds no counters: is it of another version?")
			}
			_, err = io.WriteString(p.stdout, answer.Metrics)
			return err
		},
	}
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"text/tabwriter"
)

// columns is a table for people. Rows, with tabs between cells, are kept until Flush: only then it is known how wide they are.
type columns struct {
	*tabwriter.Writer
	out *bufio.Writer // the tabwriter writes cell by cell
}

// columns begins a table with its heads.
func (p *program) columns(heads string) *columns {
	out := bufio.NewWriter(p.stdout)
	c := &columns{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), out}
	fmt.Fprintln(c, heads)
	return c
}

// Flush prints the table.
func (c *columns) Flush() error { return errors.Join(c.Writer.Flush(), c.out.Flush()) }

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/store"
)

// listing makes the command that lists all there are of something, like users, as a table or as one JSON object.
func listing[T any](p *program, what, short, example string, read func(*store.Store) ([]T, error), inJSON, inTable func([]T) error) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "list",
		Short:   short,
		Example: example,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := p.flags.load()
			if err != nil {
				return err
			}
			var all []T
			err = p.withStore(s.data, func(st *store.Store) (err error) {
				all, err = read(st)
				return err
			})
			if err != nil {
				return fmt.Errorf("list %s: %w", what, err)
			}
			if asJSON {
				return inJSON(all)
			}
			return inTable(all)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return command
}

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) outbox() *cobra.Command {
	group := &cobra.Command{Use: "outbox", Short: "Changes that wait for the hub"}
	group.AddCommand(&cobra.Command{
		Use:   "export FILE",
		Short: "Write all changes that wait to a file; they stay in the outbox",
		Long: `Writes all changes that the hub has not confirmed to a new file, one JSON object
a line, for instance from a device that was replaced and found again. The agent
must not be running.`,
		Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := p.open()
			if err != nil {
				return err
			}
			defer a.Close()
			n, err := a.Export(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%d changes were written to %s. Have the hub's operator import the file.\n", n, args[0])
			return nil
		},
	})
	return group
}

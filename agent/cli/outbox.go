package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"sitesync/shared/sitesync"
)

func (p *program) outbox() *cobra.Command {
	group := &cobra.Command{Use: "outbox", Short: "Changes that wait for the hub", RunE: help}
	group.AddCommand(&cobra.Command{
		Use:   "export FILE",
		Short: "Write all changes that wait to a file; they stay in the outbox",
		Long: `Writes all changes that the hub has not confirmed to a new file, one JSON object
a line, for instance from a device that was replaced and found again. The agent
must not be running.`,
		Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := p.open()
			if sitesync.CodeOf(err) == sitesync.CodeDataLocked {
				return sitesync.Errorf(sitesync.CodeDataLocked, "stop it, export, and start it again", "an agent is running on %s", p.config.Data)
			}
			if err != nil {
				return err
			}
			defer a.Close()
			n, err := a.Export(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(p.out, exported(n, args[0]))
			return nil
		},
	})
	return group
}

func exported(n uint64, file string) string {
	const next = "Have the hub's operator import the file."
	switch n {
	case 0:
		return fmt.Sprintf("Nothing waits for the hub; %s holds no change.", file)
	case 1:
		return fmt.Sprintf("1 change was written to %s. %s", file, next)
	}
	return fmt.Sprintf("%d changes were written to %s. %s", n, file, next)
}

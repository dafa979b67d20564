package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sitesync/agent/agentd"
	"sitesync/agent/client"
)

func (p *program) outbox() *cobra.Command {
	group := &cobra.Command{Use: "outbox", Short: "Changes that wait for the hub", RunE: help}
	group.AddCommand(&cobra.Command{
		Use:   "export FILE",
		Short: "Write all changes that wait to a file; they stay in the outbox",
		Long: `Writes all changes that the hub has not confirmed to a new file, one JSON object
a line, for instance from a device that was replaced and found again.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := p.export(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(p.out, exported(n, args[0]))
			return nil
		},
	})
	return group
}

// export asks the agent that runs, or does it itself where none does.
func (p *program) export(ctx context.Context, file string) (n uint64, err error) {
	c, err := client.Open(p.config.Data)
	if err == nil {
		err = agentd.ToNewFile(file, func(w io.Writer) error {
			n, err = c.Outbox(ctx, w)
			return err
		})
	}
	if !errors.Is(err, client.ErrNotRunning) {
		return n, err
	}
	a, err := p.open()
	if err != nil {
		return 0, err
	}
	n, err = a.Export(file)
	return n, errors.Join(err, a.Close())
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

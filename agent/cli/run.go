package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sitesync/agent/agentd"
)

func (p *program) run() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent: serve the local API and sync",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := agentd.Open(p.config)
			if err != nil {
				return err
			}
			err = a.Run(cmd.Context(), func(url string) { fmt.Fprintf(p.out, "ready api=%s\n", url) })
			return errors.Join(err, a.Close())
		},
	}
	p.config.Flags(cmd.Flags())
	return cmd
}

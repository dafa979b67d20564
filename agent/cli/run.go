package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"sitesync/agent/agentd"
)

func (p *program) run() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent: serve the local API and sync",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			staySmall()
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

// staySmall keeps the agent small beside the application on a tablet: garbage
// is collected earlier than Go would, and very early above 64 MiB. GOGC and
// GOMEMLIMIT in the environment win.
func staySmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(64 << 20)
	}
}

package cli

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sitesync/hub/demo"
)

func newDemo() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show it at work: a hub and three agents on this machine, with made-up data",
		Long: `Starts a hub and three agents on this machine, has them work, takes the link of
one away and gives it back, moves stores, has a computer stolen and found again,
and shows what happens. Then it keeps running, so that one can look around.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			o.Live = o.Out == os.Stdout && term.IsTerminal(int(os.Stdout.Fd()))
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Dir, "dir", "", "new folder for the data, which stays (default: a temporary one)")
	cmd.Flags().BoolVar(&o.Exit, "exit", false, "end with the summary; the exit code is not 0 when anything differs")
	cmd.Flags().IntVar(&o.Records, "records", 400, "records that each site writes")
	return cmd
}

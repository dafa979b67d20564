// Package cli is the command line of the agent.
package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sitesync/agent/agentd"
	"sitesync/shared/settings"
	"sitesync/shared/sitesync"
	"sitesync/shared/version"
)

// envPrefix begins the environment variables of the settings.
const envPrefix = "SITESYNC_AGENT_"

// program is one run of the command line.
type program struct {
	config agentd.Config
	file   string // --config
	json   bool
	in     io.Reader
	out    io.Writer
	err    io.Writer
}

// Main runs the command line and gives the exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p := &program{in: in, out: out, err: errOut}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	return p.report(err)
}

// report prints an error for a person and gives its exit code.
func (p *program) report(err error) int {
	e := sitesync.AsError(err)
	if e == nil {
		fmt.Fprintf(p.err, "error: %v\n", err)
		return 1
	}
	fmt.Fprintf(p.err, "error: %s\n", e.Message)
	if e.Next != "" {
		fmt.Fprintf(p.err, "next:  %s\n", e.Next)
	}
	return sitesync.ExitCode(e.Code)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sitesync-agent",
		Short: "Keeps a site's data on this device and syncs it with the hub",
		Long: `sitesync-agent runs beside a facility's application. It keeps the site's data in
a local database, gives the application an HTTP API that works offline too, and
sends every change to the hub exactly once.`,
		Version:       version.String(),
		Args:          cobra.ArbitraryArgs, // help refuses them, with what to do next
		RunE:          help,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return p.load(cmd)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%s", err) })
	p.config.DataFlag(root.PersistentFlags())
	root.PersistentFlags().StringVar(&p.file, "config", "", "YAML file of settings; its keys are the names of the flags")
	root.AddCommand(p.run(), p.join(), p.openPage(), p.status(), p.check(), p.sync(), p.enable(true), p.enable(false), p.hardwareID(), p.token(), p.outbox())
	return root
}

// load fills in the settings that the command line left out.
func (p *program) load(cmd *cobra.Command) error {
	// Every setting may stand in the file, whichever command reads it.
	if cmd.Flags().Lookup("api") == nil {
		p.config.Flags(cmd.Flags())
	}
	unknown, err := settings.Load(cmd.Flags(), envPrefix, p.file)
	if err != nil {
		return err
	}
	if err := p.config.Timings.Check(); err != nil {
		return err
	}
	p.config.Version = version.String()
	if err := p.config.Logger(); err != nil {
		return err
	}
	for _, name := range unknown {
		p.config.Log.Warn("an environment variable is no setting of this program", "variable", name)
	}
	return nil
}

// help is what a command does that has nothing but others below it.
func help(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd, "there is no command %q", args[0])
	}
	return cmd.Help()
}

// asUsage gives an error about what stands on the command line its exit code.
func asUsage(err error) error {
	if e := sitesync.AsError(err); e != nil && (e.Code == sitesync.CodeInvalid || e.Code == sitesync.CodeTooLarge) {
		return sitesync.Errorf(sitesync.CodeUsage, e.Next, "%s", e.Message)
	}
	return err
}

// usage makes an error of exit code 2.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return sitesync.Errorf(sitesync.CodeUsage, "see "+cmd.CommandPath()+" --help", format, args...)
}

// exactly checks the number of arguments, which is 0 or 1.
func exactly(n int) cobra.PositionalArgs {
	takes := "no argument"
	if n == 1 {
		takes = "1 argument"
	}
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(cmd, "%s takes %s, not %d", cmd.CommandPath(), takes, len(args))
		}
		return nil
	}
}

// open opens the data directory without anything being logged by the way.
func (p *program) open() (*agentd.Agent, error) {
	c := p.config
	c.Log = slog.New(slog.DiscardHandler)
	return agentd.Open(c)
}

// Package cli is the command line of the hub: the server itself, and the
// administrators' commands, which go to a running hub as MQTT messages like
// everybody's.
package cli

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sitesync/shared/sitesync"
	"sitesync/shared/version"
)

// Main runs the command line and gives the exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	e := sitesync.AsError(err)
	if e == nil {
		fmt.Fprintf(errOut, "error: %v\n", err)
		return 1
	}
	fmt.Fprintf(errOut, "error: %s\n", e.Message)
	if e.Next != "" {
		fmt.Fprintf(errOut, "next:  %s\n", e.Next)
	}
	return sitesync.ExitCode(e.Code)
}

func newRoot() *cobra.Command {
	serve := newServe()
	root := &cobra.Command{
		Use:   "sitesync-hub",
		Short: "The central server of sitesync: broker, registry, data of all stores",
		Long: `sitesync-hub keeps the data of many field sites in step with one centre. Without a
command it serves; the other commands administer a hub that is running.`,
		Version:       version.String(),
		Args:          serve.Args,
		RunE:          serve.RunE,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.Flags().AddFlagSet(serve.Flags())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError(cmd, "%s", err) })
	addGroup(root, "Run a hub:", serve, newDemo())
	addGroup(root, "Administer a hub that runs:", AdminCommands()...)
	addGroup(root, "Which hub that is:", newLogin(), newLogout())
	return root
}

// addGroup adds commands under a heading of the help.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
		root.AddCommand(c)
	}
}

// noCommand is the error of a command that there is not.
func noCommand(cmd *cobra.Command, name, where string) error {
	next := "see " + cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(name); len(like) > 0 {
		next = "perhaps you mean " + cmd.CommandPath() + " " + like[0] + "; " + next
	}
	return sitesync.Errorf(sitesync.CodeUsage, next, "there is no command %q%s", name, where)
}

// usageError makes an error of exit code 2.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return sitesync.Errorf(sitesync.CodeUsage, "see "+cmd.CommandPath()+" --help", format, args...)
}

// noArguments refuses what stands where a command would.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return noCommand(cmd, args[0], "")
	}
	return nil
}

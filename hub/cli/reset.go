package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"sitesync/hub/hubd"
	"sitesync/shared/sitesync"
)

// newReset makes user reset-password, the one verb of its group that needs no
// hub that runs.
func newReset(to *remote) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "reset-password NAME",
		Short: "Give a user another password, on the hub's own machine while it is stopped",
		Long: `Gives a user another password, on the hub's own machine: for when nobody can log
in as an administrator any more. Stop the hub first. The password is asked for on
a terminal; without one, or with nothing entered, a random one is made and printed
once.`,
		Example: "  sitesync-hub user reset-password admin --data /var/lib/sitesync-hub",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(cmd, "reset-password takes the name of one user")
			}
			return resetPassword(cmd, to, args[0], file)
		},
	}
	cmd.Flags().AddFlag(to.set.Lookup("data"))
	cmd.Flags().StringVar(&file, "password-file", "", "`FILE` with the new password; - is the standard input (default: it is asked for, or made up)")
	cmd.SetUsageTemplate(withoutInherited)
	return cmd
}

// withoutInherited is cobra's usage without the group's flags about a running
// hub.
const withoutInherited = `Usage:
  {{.UseLine}}

Examples:
{{.Example}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
`

func resetPassword(cmd *cobra.Command, to *remote, name, file string) error {
	for _, flag := range []string{"hub", "user", "user-password-file", "token-file"} {
		if cmd.Flags().Changed(flag) {
			return usageError(cmd, "--%s is for a hub that runs; this works on its data directory while it is stopped", flag)
		}
	}
	if err := to.complete(""); err != nil {
		return err
	}
	password, err := newPassword(newTerminal(cmd), file)
	if err != nil {
		return err
	}
	u, generated, err := hubd.ResetPassword(to.data, name, password)
	if sitesync.CodeOf(err) == sitesync.CodeNotFound {
		return sitesync.Errorf(sitesync.CodeNotFound, "check the name; the first user of a hub is admin", "there is no user %q in %s", clean(name), to.data)
	}
	if err != nil {
		return err
	}
	if generated != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "password of %s: %s\n", u.Name, generated)
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "%s has another password.\n", u.Name)
	}
	if !u.Enabled {
		fmt.Fprintln(cmd.ErrOrStderr(), "The user is disabled, and cannot log in until an administrator enables it.")
	}
	return nil
}

// newPassword gives the password to set; "" is one to be made up.
func newPassword(t *terminal, file string) (string, error) {
	switch {
	case file != "":
		secret, err := t.readSecret(file)
		return string(secret), err
	case t.asks:
		secret, err := t.newSecret("New password (nothing for a random one)")
		return string(secret), err
	}
	return "", nil
}

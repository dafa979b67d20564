package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sitesync/hub/hubd"
	"sitesync/shared/settings"
	"sitesync/shared/version"
)

// envPrefix begins the environment variables of the hub's settings.
const envPrefix = "SITESYNC_HUB_"

// endTimeout is how long a hub that is told to end waits for what runs.
const endTimeout = 10 * time.Second

func newServe() *cobra.Command {
	var c hubd.Config
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the hub",
		Long: `Runs the hub. No configuration is needed: the first start makes the data
directory, the central site, a private certificate authority, and the user admin,
whose password it prints once.

Every setting can also be given in the environment (--mqtt as SITESYNC_HUB_MQTT)
and in the YAML file; flag > environment > file > default.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			unknown, err := settings.Load(cmd.Flags(), envPrefix, file)
			if err != nil {
				return err
			}
			if err := c.Timings.Check(); err != nil {
				return err
			}
			if c.Log, err = hubd.Logger(c.LogLevel); err != nil {
				return err
			}
			for _, name := range unknown {
				c.Log.Warn("an environment variable is no setting of this program", "variable", name)
			}
			c.Version = version.String()
			return serve(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	c.Flags(cmd.Flags())
	cmd.Flags().StringVar(&file, "config", "", "YAML file of settings; its keys are the names of the flags")
	return cmd
}

// serve runs a hub until ctx ends.
func serve(ctx context.Context, c hubd.Config, out io.Writer) error {
	hub, err := hubd.Open(c)
	if err != nil {
		return err
	}
	if password := hub.FirstPassword(); password != "" {
		fmt.Fprintf(out, "admin password: %s\n", password)
	}
	fmt.Fprintln(out, readyLine(hub.Addresses()))
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	if err := hub.Close(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func readyLine(a hubd.Addresses) string {
	line := []string{"ready"}
	for _, l := range [][2]string{{"mqtt", a.MQTT}, {"mqtts", a.MQTTS}, {"http", a.HTTP}, {"https", a.HTTPS}} {
		if l[1] != "" {
			line = append(line, l[0]+"="+l[1])
		}
	}
	return strings.Join(line, " ")
}

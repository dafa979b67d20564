package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sitesync/agent/client"
	"sitesync/shared/sitesync"
)

func (p *program) sync() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Sync now",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.Open(p.config.Data)
			if err != nil {
				return err
			}
			st, err := c.Sync(cmd.Context())
			if err != nil {
				return err
			}
			if st.Link == sitesync.LinkDisabled {
				return sitesync.Errorf(sitesync.CodeOffline, turnOn, "syncing is off on this device; %s", waiting(st.Backlog))
			}
			if p.json {
				return p.printJSON(st)
			}
			fmt.Fprintf(p.out, "Syncing now: %s.\n", waiting(st.Backlog))
			return nil
		},
	}
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) enable(on bool) *cobra.Command {
	use, short, said := "enable", "Turn syncing on", "Syncing is on."
	if !on {
		use, short, said = "disable", "Turn syncing off; work on this device goes on", "Syncing is off. What is written here waits until it is enabled again."
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.setEnabled(cmd.Context(), on); err != nil {
				return err
			}
			if p.json {
				return p.printJSON(map[string]bool{"enabled": on})
			}
			fmt.Fprintln(p.out, said)
			return nil
		},
	}
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) setEnabled(ctx context.Context, on bool) error {
	c, err := client.Open(p.config.Data)
	if err == nil {
		set := c.Disable
		if on {
			set = c.Enable
		}
		_, err = set(ctx)
	}
	if !errors.Is(err, client.ErrNotRunning) {
		return err
	}
	a, err := p.open()
	if err != nil {
		return err
	}
	return errors.Join(a.Engine().Enable(on), a.Close())
}

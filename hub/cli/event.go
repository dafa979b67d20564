package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// newTail makes event tail, which follows what the hub tells.
func newTail(to *remote) *cobra.Command {
	kind := ""
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow the hub's events until Ctrl-C",
		Long: `Follows the hub's events until Ctrl-C: what happens, and what to do about it. With
--output ndjson each event is one line of JSON, for programs that raise alarms.`,
		Example: "  sitesync-hub event tail --kind quarantine.\n  sitesync-hub event tail --output ndjson",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := to.complete(""); err != nil {
				return err
			}
			v, err := newView(cmd, to.output)
			if err != nil {
				return err
			}
			if v.format == outputJSON {
				return usageError(cmd, "events come without an end: --output is table or ndjson")
			}
			c, err := to.dial(cmd.Context(), newTerminal(cmd))
			if err != nil {
				return err
			}
			defer c.Close()
			return tail(cmd.Context(), c, v, kind)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only this kind, or those that begin like this: site.offline, or quarantine.")
	return cmd
}

func tail(ctx context.Context, c *client, v *view, kind string) error {
	events := make(chan []byte, 1000)
	err := c.Listen(ctx, topic.AllEvents, func(_ string, payload []byte) {
		select {
		case events <- payload:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return err
	}
	v.hint("Waiting for events; Ctrl-C ends.")
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.Done():
			return sitesync.Errorf(sitesync.CodeUnreachable, "give the command again", "the connection to the hub was lost")
		case payload := <-events:
			if err := v.event(payload, kind); err != nil {
				return err
			}
		}
	}
}

var urgencyColours = map[sitesync.Urgency]colour{sitesync.Routine: faint, sitesync.Notable: plain, sitesync.Alarming: yellow}

// event prints an event of a kind, and what to do about it.
func (v *view) event(payload []byte, kind string) error {
	var e sitesync.EventMessage
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(err)
	}
	if !strings.HasPrefix(string(e.Kind), kind) {
		return nil
	}
	if v.format == outputLines {
		return v.json(payload)
	}
	info, _ := sitesync.EventOf(e.Kind)
	name := text(string(e.Kind))
	name.colour = urgencyColours[info.Urgency]
	if _, err := fmt.Fprintf(v.out, "%s  %s  %s\n", v.moment(e.At.Time), v.paint(name), clean(e.Message)); err != nil {
		return err
	}
	if e.Next != "" {
		_, err := fmt.Fprintf(v.out, "    %s\n", v.paint(cell{text: clean(e.Next), colour: faint}))
		return err
	}
	return nil
}

// newKinds makes event kinds, which needs no hub.
func newKinds(to *remote) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "kinds",
		Short:   "List the kinds of events that there are",
		Example: "  sitesync-hub event kinds",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := newView(cmd, to.output)
			if err != nil {
				return err
			}
			rows := make([][]cell, len(sitesync.Events))
			for i, e := range sitesync.Events {
				urgency := text(string(e.Urgency))
				urgency.colour = urgencyColours[e.Urgency]
				rows[i] = []cell{text(string(e.Kind)), urgency, text(e.About), text(e.When)}
				if v.format != outputTable {
					line, err := json.Marshal(map[string]string{"kind": string(e.Kind), "urgency": string(e.Urgency), "about": e.About, "when": e.When})
					if err != nil {
						return err
					}
					if err := v.json(line); err != nil {
						return err
					}
				}
			}
			if v.format != outputTable {
				return nil
			}
			return v.table([]string{"KIND", "URGENCY", "WHAT HAPPENED", "TOLD"}, rows)
		},
	}
	return cmd
}

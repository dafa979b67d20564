package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sitesync/agent/api"
	"sitesync/agent/client"
	"sitesync/shared/sitesync"
)

func (p *program) check() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the connection to the hub, step by step",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.Open(p.config.Data)
			if err != nil {
				return err
			}
			steps, err := c.Check(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				if err := p.printJSON(map[string]any{"steps": steps}); err != nil {
					return err
				}
			} else if err := p.printSteps(steps); err != nil {
				return err
			}
			return failure(steps)
		},
	}
	p.jsonFlag(cmd)
	return cmd
}

// stepWords names the steps for a person.
var stepWords = map[string]string{
	"resolve": "hub's name found", "connect": "port reached", "tls": "hub is the right one (TLS)", "websocket": "web gateway passed",
	"login": "name and password", "hardware": "hardware ID", "round_trip": "round trip through the hub",
}

func (p *program) printSteps(steps []api.Step) error {
	t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		words, result := stepWords[s.Step], "ok"
		if words == "" {
			words = s.Step
		}
		if !s.OK {
			result = "FAILED"
		}
		fmt.Fprintf(t, "%s\t%s\t%d ms\n", words, result, s.Ms)
	}
	return t.Flush()
}

// failure makes the step that failed the command's error.
func failure(steps []api.Step) error {
	for _, s := range steps {
		if s.OK || s.Problem == nil {
			continue
		}
		code := sitesync.CodeRefused
		if s.Problem.Code == sitesync.ProblemUnreachable || s.Problem.Code == sitesync.ProblemTLS {
			code = sitesync.CodeUnreachable
		}
		return sitesync.Errorf(code, clause(s.Problem.Next), "%s", clause(s.Problem.Message))
	}
	return nil
}

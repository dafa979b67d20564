package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"sitesync/agent/hwid"
	"sitesync/shared/sitesync"
)

func (p *program) hardwareID() *cobra.Command {
	var explain bool
	cmd := &cobra.Command{
		Use:   "hardware-id",
		Short: "Show which device this is, and how that is known",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			// Looked at only: a running agent alone decides what is kept.
			kept, decision, err := p.config.Identify()
			switch {
			case err != nil:
				return err
			case p.json:
				return p.printJSON(struct {
					HardwareID sitesync.HardwareID `json:"hardwareId"`
					hwid.Decision
				}{kept.ID, decision})
			case explain:
				return hwid.Explain(p.out, kept, decision)
			}
			fmt.Fprintln(p.out, kept.ID.Grouped())
			return nil
		},
	}
	cmd.Flags().BoolVar(&explain, "explain", false, "show each fact, what it is worth, and what was decided")
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.json, "json", false, "print JSON")
}

func (p *program) printJSON(v any) error {
	out := json.NewEncoder(p.out)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sitesync/agent/api"
	"sitesync/agent/client"
	"sitesync/shared/sitesync"
)

func (p *program) status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether the site's data is sent, and what is wrong",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, running, err := p.getStatus(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(st)
			}
			return p.printStatus(&st, running)
		},
	}
	p.jsonFlag(cmd)
	return cmd
}

// getStatus asks the running agent, or reads the data directory when none
// runs.
func (p *program) getStatus(ctx context.Context) (st api.Status, running bool, err error) {
	c, err := client.Open(p.config.Data)
	if err == nil {
		st, err = c.Status(ctx)
	}
	if err == nil || !errors.Is(err, client.ErrNotRunning) {
		return st, true, err
	}
	if st, err = p.offlineStatus(); sitesync.CodeOf(err) == sitesync.CodeDataLocked {
		return st, false, sitesync.Errorf(sitesync.CodeDataLocked, "try again in a moment; if it stays so, end that program",
			"%s is in use, but no agent answers there yet", p.config.Data)
	}
	return st, false, err
}

func (p *program) offlineStatus() (api.Status, error) {
	a, err := p.open()
	if err != nil {
		return api.Status{}, err
	}
	defer a.Close()
	st := api.Complete(a.Status(), a.DB())
	if st.Link == sitesync.LinkConnecting {
		st.Link = sitesync.LinkOffline // nothing runs that could connect
	}
	return st, nil
}

func (p *program) printStatus(st *api.Status, running bool) error {
	t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	site := "none; join one with sitesync-agent join"
	if st.Site != nil {
		site = st.Site.Name
		if st.Site.Code != "" {
			site += " (" + st.Site.Code + ")"
		}
	}
	fmt.Fprintf(t, "Site\t%s\nHub\t%s\nLink\t%s\n", site, orDash(st.Hub), linkWords(st, running))
	fmt.Fprintf(t, "Waiting\t%s\nLast sync\t%s\nHardware ID\t%s\n", waiting(st.Backlog), lastSync(st.LastSync), st.HardwareID.Grouped())
	if st.ClockSkewMs > 60_000 || st.ClockSkewMs < -60_000 {
		fmt.Fprintf(t, "Clock\t%s off the hub's\n", (time.Duration(st.ClockSkewMs) * time.Millisecond).Round(time.Second))
	}
	if words := leaseWords(st.Lease, time.Now()); words != "" {
		fmt.Fprintf(t, "Read-only\t%s\n", words)
	}
	if st.Problem != nil {
		fmt.Fprintf(t, "Problem\t%s\nNext\t%s\n", sentence(st.Problem.Message), sentence(st.Problem.Next))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(st.Stores) == 0 {
		if st.Site != nil {
			fmt.Fprintln(p.out, "\nNo stores yet: the hub's operator gives stores to this site.")
		}
		return nil
	}
	fmt.Fprintln(p.out)
	fmt.Fprintln(t, "STORE\tPHASE\tWRITABLE\tWAITING\tRECORDS\tEPOCH")
	for _, s := range st.Stores {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", s.Code, phaseWords(s), yes(s.Writable), s.Queued, loaded(s), s.Epoch)
	}
	return t.Flush()
}

const turnOn = "turn it on with sitesync-agent enable"

func linkWords(st *api.Status, running bool) string {
	off := st.Link == sitesync.LinkDisabled
	switch since := when(st.Since.Time); {
	case !running && off:
		return "the agent is not running, and syncing is off; " + turnOn
	case !running:
		return "the agent is not running; start it with sitesync-agent run"
	case off:
		return "syncing is off since " + since + "; " + turnOn
	case st.Link == sitesync.LinkUnjoined:
		return "no site to connect for"
	default:
		return string(st.Link) + " since " + since
	}
}

func loaded(s api.Store) string {
	if s.Phase == sitesync.PhaseLoading {
		return fmt.Sprintf("%d of %d", s.Loaded.Records, s.Loaded.Total)
	}
	return fmt.Sprint(s.Loaded.Records)
}

// leaseWords warns of stores that become read-only without contact: from half of
// the time on, when there is still something to be done about it.
func leaseWords(l *api.Lease, now time.Time) string {
	switch {
	case l == nil:
		return ""
	case l.Expired:
		return "until the hub is reached"
	case l.ReadOnlyAt == nil || l.ReadOnlyAt.Sub(now) > time.Duration(l.MaxOffline)*time.Second/2:
		return ""
	}
	return "from " + when(l.ReadOnlyAt.Time) + " on, unless the hub is reached before"
}

// phaseWords says where a store goes or went.
func phaseWords(s api.Store) string {
	to := s.To
	if to == "" {
		to = "another site"
	}
	switch s.Phase {
	case sitesync.PhaseDraining:
		return "moving to " + to
	case sitesync.PhaseReleased:
		return "moved to " + to
	}
	return s.Phase.String()
}

func waiting(n uint64) string {
	switch n {
	case 0:
		return "nothing, all is sent"
	case 1:
		return "1 change is not sent yet"
	}
	return fmt.Sprintf("%d changes are not sent yet", n)
}

func lastSync(t *sitesync.Time) string {
	if t == nil {
		return "never"
	}
	return when(t.Time)
}

// when is an instant in local time, with its zone.
func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

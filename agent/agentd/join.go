package agentd

import (
	"context"
	"encoding/hex"
	"errors"

	"sitesync/agent/engine"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// JoinRequest says which site to join.
type JoinRequest struct {
	Join     *link.Join // from a join string
	Hub      string     // or by hand
	CA       string     // PEM
	Name     string
	Password string
}

// Join joins a site: it makes one attempt and keeps the details unless the hub
// refuses. Errors: refused (nothing is kept), unreachable (kept; Run goes on
// trying), unsent.
func (a *Agent) Join(ctx context.Context, r JoinRequest) error {
	next := engine.Site{Hub: r.Hub, CA: r.CA, Name: r.Name, Password: r.Password, Fresh: true}
	if j := r.Join; j != nil {
		next.Hub, next.Name, next.Pins, next.Addresses = j.URLs[0], j.Site, []string{hex.EncodeToString(j.Pin[:])}, j.URLs[1:]
	}
	if next.Name == "" || next.Password == "" {
		return sitesync.Errorf(sitesync.CodeUsage, "give --site and --password-file, or a join string and --password-file", "the site's name or password is missing")
	}
	if _, err := link.ParseURL(next.Hub, a.config.Insecure); err != nil {
		return err
	}
	if now := a.engine.Site(); now != nil {
		if n := a.db.Backlog(); n > 0 && (now.Hub != next.Hub || now.Name != next.Name) {
			return sitesync.Errorf(sitesync.CodeUnsent, "let them be sent first, or export them with sitesync-agent outbox export",
				"%d changes have not reached the hub yet, and they belong to the present site", n)
		}
		next.HubID, next.ID, next.Generation, next.Proof, next.Switch = now.HubID, now.ID, now.Generation, now.Proof, true
	}
	err := a.engine.Join(ctx, next)
	if refused, ok := errors.AsType[*engine.RefusedError](err); ok {
		return sitesync.Errorf(sitesync.CodeRefused, refused.Problem.Next, "%s", refused.Problem.Message)
	}
	if err != nil && sitesync.CodeOf(err) == sitesync.CodeUnreachable {
		e := sitesync.AsError(err)
		return sitesync.Errorf(sitesync.CodeUnreachable, "the details are saved: sitesync-agent run goes on trying; "+e.Next, "%s", e.Message)
	}
	return err
}

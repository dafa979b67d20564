package agentd

import (
	"context"
	"encoding/hex"
	"errors"

	"sitesync/agent/api"
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
	Keep     bool // also when the hub is not reached
}

// Join joins a site: it makes one attempt and keeps the details unless the hub
// refuses; where it is not reached, if that is asked for. It tells how far it
// came. Errors: refused (nothing is kept), unreachable (if kept, Run goes on
// trying), unsent.
func (a *Agent) Join(ctx context.Context, r JoinRequest) ([]api.Step, error) {
	next := engine.Site{Hub: r.Hub, CA: r.CA, Name: r.Name, Password: r.Password, Fresh: true}
	if j := r.Join; j != nil {
		next.Hub, next.Name, next.Addresses = j.URLs[0], j.Site, j.URLs[1:]
		if j.Pin != [32]byte{} { // none where no address uses TLS
			next.Pins = []string{hex.EncodeToString(j.Pin[:])}
		}
	}
	if next.Name == "" || next.Password == "" {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "give --site and --password-file, or a join string and --password-file", "the site's name or password is missing")
	}
	if _, err := link.ParseURL(next.Hub, a.config.Insecure); err != nil {
		return nil, err
	}
	if now := a.engine.Site(); now != nil {
		if n := a.db.Backlog(); n > 0 && (now.Hub != next.Hub || now.Name != next.Name) {
			return nil, sitesync.Errorf(sitesync.CodeUnsent, "let them be sent first, or export them with sitesync-agent outbox export",
				"%d changes have not reached the hub yet, and they belong to the present site", n)
		}
		next.HubID, next.ID, next.Generation, next.Proof, next.Switch = now.HubID, now.ID, now.Generation, now.Proof, true
	}
	steps, err := a.engine.Join(ctx, next, r.Keep)
	return stepsOf(steps), joinError(err, r.Keep)
}

// joinError says what is left of an attempt that did not succeed.
func joinError(err error, kept bool) error {
	if refused, ok := errors.AsType[*engine.RefusedError](err); ok {
		return sitesync.Errorf(sitesync.CodeRefused, refused.Problem.Next, "%s", refused.Problem.Message)
	}
	if err != nil && kept && sitesync.CodeOf(err) == sitesync.CodeUnreachable {
		e := sitesync.AsError(err)
		return sitesync.Errorf(sitesync.CodeUnreachable, "the details are saved: sitesync-agent run goes on trying; "+e.Next, "%s", e.Message)
	}
	return err
}

// Join implements api.Agent.
func (c *control) Join(ctx context.Context, r api.JoinSite) (api.Joined, error) {
	request := JoinRequest{Hub: r.Hub, CA: r.CA, Name: r.Name, Password: r.Password, Keep: r.Keep}
	if r.Join != "" {
		j, err := link.ParseJoin(r.Join)
		if err != nil {
			return api.Joined{}, err
		}
		request.Join = &j
	}
	steps, err := (*Agent)(c).Join(ctx, request)
	result := api.Joined{Steps: steps, Joined: err == nil, Saved: err == nil}
	switch sitesync.CodeOf(err) {
	case sitesync.CodeRefused:
		err = nil // the step that failed says so
	case sitesync.CodeUnreachable:
		result.Saved, err = r.Keep, nil
	}
	return result, err
}

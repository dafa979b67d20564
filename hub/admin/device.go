package admin

import (
	"context"
	"encoding/json"
	"time"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Bounds of what is asked of devices.
const (
	patience     = 10 * time.Second // that a command waits for the device's answer, unless it says another
	mostPatience = 2 * time.Minute
	askedFor     = 7 * 24 * time.Hour // that a device which is offline is waited for, unless the command says another
	mostAskedFor = 90 * 24 * time.Hour
	logLines     = 100
	mostLogLines = 500
)

// Checked is the result of site.check.
type Checked struct {
	Ms          int64  `json:"ms"` // there and back
	Version     string `json:"version"`
	Platform    string `json:"platform"`
	ClockSkewMs int64  `json:"clockSkewMs"` // the device's clock ahead of the hub's
	Backlog     uint64 `json:"backlog"`
	DiskFree    uint64 `json:"diskFree"`
}

// Asked is the result of what a device is asked for: its answer, or that it
// waits for the device.
type Asked struct {
	Asked  uint64             `json:"asked"` // number of the request, see site.asked
	State  registry.AskState  `json:"state"`
	Online bool               `json:"online"`          // the device was connected
	Since  *sitesync.Time     `json:"since,omitempty"` // offline since; none: it never was online
	Until  *sitesync.Time     `json:"until,omitempty"` // that it waits for the device
	Lines  []string           `json:"lines,omitempty"` // of the log, the oldest first
	Stores []sitesync.StoreID `json:"stores,omitempty"`
	Wiped  bool               `json:"wiped,omitempty"`
	Unsent uint64             `json:"unsent,omitempty"` // changes that were wiped unsent; they are in the audit log
}

// siteCheck is what site.check takes.
type siteCheck struct {
	Site    Ref     `json:"site" about:"the site"`
	Timeout Seconds `json:"timeout,omitempty" about:"how long to wait for the answer, 10 seconds unless said"`
}

func (c *call) checkSite(in siteCheck) (out Checked, err error) {
	site, err := c.deviceSite(in.Site)
	if err != nil {
		return out, err
	}
	ctx, cancel, err := c.waits(in.Timeout)
	if err != nil {
		return out, err
	}
	defer cancel()
	r, took, err := c.Check(ctx, site.ID)
	if sitesync.CodeOf(err) == sitesync.CodeOffline {
		return out, c.offline(&site)
	}
	if err != nil {
		return out, err
	}
	arrived := time.Now().Add(-took / 2)
	return Checked{Ms: took.Milliseconds(), Version: r.Version, Platform: r.Platform, ClockSkewMs: r.Clock.Sub(arrived).Milliseconds(),
		Backlog: r.Backlog, DiskFree: r.DiskFree}, nil
}

// deviceSite finds a site that has, or will have, a device.
func (c *call) deviceSite(ref Ref) (registry.Site, error) {
	site, err := c.findSite(ref, "site")
	if err == nil && site.ActiveHere {
		err = sitesync.Errorf(sitesync.CodeActiveHere, "look at the hub itself with hub.status", "the site %s is this hub itself", site.Name).WithField("site")
	}
	return site, err
}

// offline says since when nobody is there.
func (c *call) offline(site *registry.Site) error {
	live := c.condition(site)
	switch {
	case site.HardwareID == "":
		return sitesync.Errorf(sitesync.CodeOffline, "join a device to it: see site.join", "no device has connected as the site %s yet", site.Name).WithField("site")
	case live.Refused != "":
		p := ProblemText(live.Refused)
		return sitesync.Errorf(sitesync.CodeOffline, p.Next, "the device of site %s is not let in: %s", site.Name, p.Message).WithField("site")
	case live.LastSeen.IsZero():
		return sitesync.Errorf(sitesync.CodeOffline, "ask the site whether the device is on and has a network", "the device of site %s is offline", site.Name).WithField("site")
	}
	return sitesync.Errorf(sitesync.CodeOffline, "ask the site whether the device is on and has a network", "the device of site %s is offline since %s",
		site.Name, sitesync.At(live.LastSeen).Format(sitesync.TimeFormat)).WithField("site")
}

// waits bounds how long a command waits for a device.
func (c *call) waits(timeout Seconds) (context.Context, context.CancelFunc, error) {
	wait := patience
	if timeout > 0 {
		wait = time.Duration(min(timeout, Seconds(mostPatience/time.Second)+1)) * time.Second
	}
	if wait > mostPatience {
		return nil, nil, invalid("timeout", "give at most %d seconds; the device is waited for all the same", "that is too long to wait for an answer", mostPatience/time.Second)
	}
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	return ctx, cancel, nil
}

// siteSync is what site.sync takes.
type siteSync struct {
	Site    Ref     `json:"site" about:"the site"`
	Timeout Seconds `json:"timeout,omitempty" about:"how long to wait for the answer, 10 seconds unless said"`
	Expires Seconds `json:"expires,omitempty" about:"how long a device that is offline is waited for, 7 days unless said"`
}

func (c *call) syncSite(in siteSync) (Asked, error) {
	return c.askSite(in.Site, wire.CommandSync, struct{}{}, in.Timeout, in.Expires)
}

// siteResync is what site.resync takes.
type siteResync struct {
	Site    Ref     `json:"site" about:"the site"`
	Store   *Ref    `json:"store,omitempty" about:"only this store of the site"`
	Timeout Seconds `json:"timeout,omitempty" about:"how long to wait for the answer, 10 seconds unless said"`
	Expires Seconds `json:"expires,omitempty" about:"how long a device that is offline is waited for, 7 days unless said"`
}

func (c *call) resyncSite(in siteResync) (Asked, error) {
	var args wire.ResyncArgs
	if in.Store != nil {
		store, err := c.findStore(*in.Store, "store")
		if err != nil {
			return Asked{}, err
		}
		args.Stores = []sitesync.StoreID{store.ID}
	}
	return c.askSite(in.Site, wire.CommandResync, args, in.Timeout, in.Expires)
}

// siteLog is what site.log takes.
type siteLog struct {
	Site    Ref     `json:"site" about:"the site"`
	Lines   *int    `json:"lines,omitempty" about:"how many of the newest lines, 1 to 500, 100 unless said"`
	Timeout Seconds `json:"timeout,omitempty" about:"how long to wait for the answer, 10 seconds unless said"`
	Expires Seconds `json:"expires,omitempty" about:"how long a device that is offline is waited for, 7 days unless said"`
}

func (c *call) logOfSite(in siteLog) (Asked, error) {
	args := wire.LogArgs{Lines: logLines}
	if in.Lines != nil {
		args.Lines = min(*in.Lines, mostLogLines)
	}
	if args.Lines < 1 {
		return Asked{}, invalid("lines", "give 1 to %d", "the number of lines is below 1", mostLogLines)
	}
	return c.askSite(in.Site, wire.CommandLog, args, in.Timeout, in.Expires)
}

// siteWipe is what site.wipe takes.
type siteWipe struct {
	Site    Ref     `json:"site" about:"the site"`
	Force   bool    `json:"force,omitempty" about:"do not wait until everything is sent; what is not is kept in the audit log"`
	Timeout Seconds `json:"timeout,omitempty" about:"how long to wait for the answer, 10 seconds unless said"`
	Expires Seconds `json:"expires,omitempty" about:"how long a device that is offline is waited for, 7 days unless said"`
}

// wipeSite refuses where a device that nobody can reach has changes that are
// nowhere else. One that is connected sends them first.
func (c *call) wipeSite(in siteWipe) (out Asked, err error) {
	site, err := c.deviceSite(in.Site)
	if err != nil {
		return out, err
	}
	if live := c.condition(&site); !c.known && !in.Force && !live.Online && live.Backlog > 0 {
		return out, sitesync.Errorf(sitesync.CodeBacklog, "bring it online once, or use force: it is then wiped when it comes, and what it has not sent by then is kept in the audit log",
			"the device of %q is offline, and last said that %d changes wait there", site.Name, live.Backlog)
	}
	return c.askSite(in.Site, wire.CommandWipe, wire.WipeArgs{Force: in.Force}, in.Timeout, in.Expires)
}

// askSite writes down what the device is to do, and waits a moment for its
// answer.
func (c *call) askSite(ref Ref, kind wire.CommandKind, args any, timeout, expires Seconds) (out Asked, err error) {
	site, err := c.deviceSite(ref)
	if err != nil {
		return out, err
	}
	ctx, cancel, err := c.waits(timeout)
	if err != nil {
		return out, err
	}
	defer cancel()
	wait := askedFor
	if expires > 0 {
		wait = time.Duration(min(expires, Seconds(mostAskedFor/time.Second))) * time.Second
	}
	text, err := json.Marshal(args)
	if err != nil {
		return out, err
	}
	changed, stop := c.watchAsks(site.ID)
	defer stop()
	ask, err := c.Registry.AskDevice(c.actor, registry.NewAsk{Site: site.ID, Command: string(kind), Args: text, Until: time.Now().Add(wait)})
	if err != nil {
		return out, err
	}
	for online := c.condition(&site).Online; online && ask.State == registry.AskWaiting; {
		select {
		case <-changed:
			if now, known := c.Registry.Asked(ask.Site, ask.Number); known {
				ask = now
			}
		case <-ctx.Done():
			return c.asked(&site, &ask)
		}
	}
	return c.asked(&site, &ask)
}

// watchAsks gives a channel that gets something whenever an ask of a site
// changes.
func (c *call) watchAsks(site sitesync.SiteID) (changed chan struct{}, stop func()) {
	changed = make(chan struct{}, 1)
	stop = c.Registry.Watch(func(change registry.Change) {
		for _, s := range change.Asks {
			if s == site {
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}
	})
	return changed, stop
}

// asked shows how far an ask has come. Only an answer that is final is kept for
// repeats.
func (c *call) asked(site *registry.Site, a *registry.Ask) (Asked, error) {
	live := c.condition(site)
	out := Asked{Asked: a.Number, State: a.State, Online: live.Online}
	switch a.State {
	case registry.AskWaiting:
		out.Until = &a.Until
		if !live.Online {
			out.Since = instant(live.LastSeen)
		}
		return out, nil
	case registry.AskExpired:
		c.made = true
		return out, sitesync.Errorf(sitesync.CodeTimeout, "ask again", "the device of site %s did not come or answer until %s", site.Name, a.Until.Format(sitesync.TimeFormat))
	case registry.AskFailed:
		c.made = true
		return out, a.Error
	}
	c.made = true
	number, state, online := out.Asked, out.State, out.Online
	if err := json.Unmarshal(a.Result, &out); err != nil {
		return out, err
	}
	out.Asked, out.State, out.Online = number, state, online
	return out, nil
}

// siteAsked is what site.asked takes.
type siteAsked struct {
	Site  Ref    `json:"site" about:"the site"`
	Limit *int   `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After string `json:"after,omitempty" about:"next of the former page"`
}

func (c *call) listAsked(in siteAsked) (out Page[registry.Ask], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	after, err := p.number()
	if err != nil {
		return out, err
	}
	site, err := c.findSite(in.Site, "site")
	if err != nil {
		return out, err
	}
	full := false
	for _, a := range c.Registry.Asks(site.ID) {
		if a.Number <= after {
			continue
		}
		if full || len(out.Items) == p.limit {
			out.Next = nextNumber(out.Items[len(out.Items)-1].Number)
			break
		}
		if full, err = out.add(a); err != nil {
			return out, err
		}
	}
	return out, nil
}

package admin

import (
	"strings"
	"time"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// auditList is what audit.list takes.
type auditList struct {
	Site  *Ref    `json:"site,omitempty" about:"only edits of this site"`
	Store *Ref    `json:"store,omitempty" about:"only edits of this store"`
	User  string  `json:"user,omitempty" about:"only edits by this user or token"`
	Since *Moment `json:"since,omitempty" about:"only edits from then on: a date, or a time like 2030-01-31T12:00:00Z"`
	Limit *int    `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After string  `json:"after,omitempty" about:"next of the former page"`
}

// listAudit merges two logs: the registry's, and that of what people did to
// records and quarantined changes, which is written in their transactions.
func (c *call) listAudit(in auditList) (out Page[sitesync.Audit], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	f, err := c.auditFilter(&in)
	if err != nil {
		return out, err
	}
	edits, changes, err := auditPlaces(p.after)
	if err != nil {
		return out, err
	}
	a := auditPart{place: edits}
	a.entries, a.next, err = c.Registry.AuditList(f, p.limit, edits)
	if err != nil {
		return out, err
	}
	b, err := c.recordAudit(f, p.limit, changes)
	if err != nil {
		return out, err
	}
	for full := false; !full && len(out.Items) < p.limit; {
		newer := newest(&a, &b)
		if newer == nil {
			break
		}
		if full, err = out.add(c.shownAudit(newer.take())); err != nil {
			return out, err
		}
	}
	if a.more() || b.more() {
		out.Next = a.reached() + auditSeparator + b.reached()
	}
	return out, nil
}

func (c *call) auditFilter(in *auditList) (f registry.AuditFilter, err error) {
	f.By = in.User
	if in.Since != nil {
		f.Since = in.Since.Time.Time
	}
	// Those that are gone have a history too: a number needs nobody who has it.
	if in.Site != nil {
		id := sitesync.SiteID(in.Site.ID)
		if in.Site.Text != "" {
			site, err := c.findSite(*in.Site, "site")
			if err != nil {
				return f, err
			}
			id = site.ID
		}
		f.Site = &id
	}
	if in.Store != nil {
		id := sitesync.StoreID(in.Store.ID)
		if in.Store.Text != "" {
			store, err := c.findStore(*in.Store, "store")
			if err != nil {
				return f, err
			}
			id = store.ID
		}
		f.Store = &id
	}
	return f, nil
}

// shownAudit is an entry as the caller may see it: what was before and after
// is, of records, their data.
func (c *call) shownAudit(e sitesync.AuditEntry) sitesync.Audit {
	group, _, _ := strings.Cut(e.Command, ".")
	if (group == "record" || group == "quarantine") && !c.caller.may(ReadsData) {
		e.Before, e.After = nil, nil
	}
	return e.Audit
}

// auditScan bounds how many entries of records are looked at for one page.
const (
	auditScan = 20_000
	auditRead = 200
)

// recordAudit reads the entries of records that a page may need.
func (c *call) recordAudit(f registry.AuditFilter, limit int, after string) (part auditPart, err error) {
	part.place = after
	since := f.Since.Truncate(time.Millisecond)
	for seen, place := 0, after; ; {
		some, err := c.Records.Audit(place, auditRead)
		if err != nil {
			return part, err
		}
		for _, e := range some {
			if e.At.Before(since) {
				return part, nil
			}
			if f.Lets(&e.Audit) {
				if len(part.entries) == limit {
					part.next = place
					return part, nil
				}
				part.entries = append(part.entries, e)
			}
			place = e.Place
		}
		if len(some) == 0 {
			return part, nil
		}
		if seen += len(some); seen >= auditScan || c.ctx.Err() != nil {
			part.next = place
			return part, c.ctx.Err()
		}
	}
}

// auditPart is the part of one of the logs that a page is made of.
type auditPart struct {
	entries []sitesync.AuditEntry // the newest first
	next    string                // where the log goes on after them; "": it does not
	place   string                // of the entry that was taken last
}

func (p *auditPart) take() sitesync.AuditEntry {
	e := p.entries[0]
	p.entries, p.place = p.entries[1:], e.Place
	return e
}

// more reports whether there is something left for a further page.
func (p *auditPart) more() bool { return len(p.entries) > 0 || p.next != "" }

// reached is where a further page goes on.
func (p *auditPart) reached() string {
	if len(p.entries) == 0 && p.next != "" {
		return p.next
	}
	return p.place
}

// newest is the part with the newer entry, or nil where that cannot be known:
// a part that is used up, but goes on, may have the newer one there.
func newest(a, b *auditPart) *auditPart {
	switch {
	case len(a.entries) == 0 && a.next != "" || len(b.entries) == 0 && b.next != "":
		return nil
	case len(a.entries) == 0 && len(b.entries) == 0:
		return nil
	case len(b.entries) == 0 || len(a.entries) > 0 && !a.entries[0].At.Before(b.entries[0].At.Time):
		return a
	}
	return b
}

const auditSeparator = "-"

// auditPlaces reads the places in both logs.
func auditPlaces(after string) (edits, changes string, err error) {
	if after == "" {
		return "", "", nil
	}
	edits, changes, ok := strings.Cut(after, auditSeparator)
	if !ok {
		return "", "", badAfter()
	}
	return edits, changes, nil
}

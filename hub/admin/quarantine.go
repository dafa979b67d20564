package admin

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// ItemResult is the result of commands about one quarantined change.
type ItemResult struct {
	Item sitesync.Quarantined `json:"item"`
}

// Compared is the result of quarantine.get.
type Compared struct {
	Item   sitesync.Quarantined `json:"item"`
	Fields []FieldPair          `json:"fields"` // of both, by name
}

// FieldPair is one field of a quarantined change beside that of the record as it
// is now; null where one has none.
type FieldPair struct {
	Name    string          `json:"name"`
	Change  json.RawMessage `json:"change"`
	Present json.RawMessage `json:"present"`
	Differs bool            `json:"differs"`
}

// quarantineList is what quarantine.list takes.
type quarantineList struct {
	Store  *Ref                     `json:"store,omitempty" about:"only changes for this store"`
	Site   *Ref                     `json:"site,omitempty" about:"only changes that came from this site"`
	State  sitesync.QuarantineState `json:"state,omitempty" about:"only changes in this state: open, proposed, applied, stale or discarded"`
	Reason string                   `json:"reason,omitempty" about:"only changes refused for this reason: stale_epoch, not_owner, diverged, schema, size, target or bad_frame"`
	Limit  *int                     `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After  string                   `json:"after,omitempty" about:"next of the former page"`
}

// listQuarantine lists by ID, the oldest first: that is the order in which they
// came and should be dealt with.
func (c *call) listQuarantine(in quarantineList) (out Page[sitesync.Quarantined], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	after, err := p.number()
	if err != nil {
		return out, err
	}
	want, err := c.wanted(&in)
	if err != nil {
		return out, err
	}
	full := false
	err = c.Records.QuarantinedAfter(after, func(q sitesync.Quarantined) (bool, error) {
		if !want(&q) {
			return c.ctx.Err() == nil, c.ctx.Err()
		}
		if full || len(out.Items) == p.limit {
			out.Next = nextNumber(out.Items[len(out.Items)-1].ID)
			return false, nil
		}
		full, err = out.add(c.visible(q))
		return true, err
	})
	return out, err
}

// wanted makes the filter of a list.
func (c *call) wanted(in *quarantineList) (func(*sitesync.Quarantined) bool, error) {
	var store sitesync.StoreID
	var site sitesync.SiteID
	if in.Store != nil {
		s, err := c.findStore(*in.Store, "store")
		if err != nil {
			return nil, err
		}
		store = s.ID
	}
	if in.Site != nil {
		s, err := c.findSite(*in.Site, "site")
		if err != nil {
			return nil, err
		}
		site = s.ID
	}
	states := []sitesync.QuarantineState{"", sitesync.QuarantineOpen, sitesync.QuarantineProposed, sitesync.QuarantineApplied, sitesync.QuarantineStale, sitesync.QuarantineDiscarded}
	if !slices.Contains(states, in.State) {
		return nil, invalid("state", "use open, proposed, applied, stale or discarded", "there is no such state of quarantined changes")
	}
	var reason sitesync.Reason
	if in.Reason != "" && reason.UnmarshalText([]byte(in.Reason)) != nil {
		return nil, invalid("reason", "use stale_epoch, not_owner, diverged, schema, size, target or bad_frame", "there is no such reason")
	}
	return func(q *sitesync.Quarantined) bool {
		return (store == 0 || q.Store == store) && (site == 0 || q.Site == site) &&
			(in.State == "" || q.State == in.State) && (in.Reason == "" || q.Reason == reason)
	}, nil
}

// visible is a quarantined change as the caller may see it, since its data is
// that of records, with names for people.
func (c *call) visible(q sitesync.Quarantined) sitesync.Quarantined {
	q.Code, q.SiteName = c.codeOf(q.Store), c.nameOf(q.Site)
	if !c.caller.may(ReadsData) {
		q.Data, q.Present, q.Raw = nil, nil, nil
	}
	return q
}

// quarantineOnly is what commands take that need no more than an item.
type quarantineOnly struct {
	Item uint64 `json:"item" about:"number of the quarantined change"`
}

func (c *call) getQuarantined(in quarantineOnly) (out Compared, err error) {
	q, err := c.Records.Quarantined(in.Item)
	out.Item = c.visible(q)
	out.Fields = compare(out.Item.Data, out.Item.Present)
	return out, err
}

// compare puts the fields of two JSON objects beside each other.
func compare(change, present json.RawMessage) []FieldPair {
	theirs, ours := fieldsOf(change), fieldsOf(present)
	list := []FieldPair{}
	for name, value := range theirs {
		list = append(list, FieldPair{Name: name, Change: value, Present: ours[name], Differs: !bytes.Equal(value, ours[name])})
	}
	for name, value := range ours {
		if _, both := theirs[name]; !both {
			list = append(list, FieldPair{Name: name, Present: value, Differs: true})
		}
	}
	slices.SortFunc(list, func(a, b FieldPair) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return list
}

func fieldsOf(data json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	for name, value := range fields {
		var plain bytes.Buffer
		if json.Compact(&plain, value) == nil {
			fields[name] = plain.Bytes()
		}
	}
	return fields
}

// quarantineApply is what quarantine.apply takes.
type quarantineApply struct {
	Item    uint64 `json:"item" about:"number of the quarantined change"`
	IfMatch string `json:"ifMatch,omitempty" about:"ETag that the present record must have, * for any"`
}

func (c *call) applyQuarantined(in quarantineApply) (ItemResult, error) {
	return c.decide(records.Decision{Item: in.Item, IfMatch: trimETag(in.IfMatch)}, c.Records.ApplyQuarantined)
}

func (c *call) discardQuarantined(in quarantineOnly) (ItemResult, error) {
	return c.decide(records.Decision{Item: in.Item}, c.Records.Discard)
}

func (c *call) decide(dec records.Decision, do func(records.Decision) (sitesync.Quarantined, error)) (out ItemResult, err error) {
	dec.At, dec.Replay = time.Now(), c.replay()
	dec.Audit = c.audited(dec.At)
	q, err := do(dec)
	if err != nil {
		return out, err
	}
	out.Item = c.visible(q)
	return out, nil
}

// audited begins the audit entry of a decision that the registry does not keep.
func (c *call) audited(now time.Time) sitesync.Audit {
	a := &c.actor
	return sitesync.Audit{At: sitesync.At(now), By: a.Name, From: a.From, Command: a.Command, ID: a.CommandID}
}

// quarantineImport is what quarantine.import takes: a part of a file that
// sitesync-agent outbox export wrote.
type quarantineImport struct {
	Site    sitesync.SiteID    `json:"site" about:"number of the site, from the file's head"`
	Hub     string             `json:"hub" about:"ID of the hub, from the file's head"`
	Replica sitesync.ReplicaID `json:"replica" about:"ID of the data directory, from the file's head"`
	Changes []ImportLine       `json:"changes" about:"lines of the file, at most 500 of one store and epoch, in their order"`
}

// ImportLine is a line of an exported outbox.
type ImportLine struct {
	Store sitesync.StoreID `json:"store"`
	Code  string           `json:"code"`
	Epoch sitesync.Epoch   `json:"epoch"`
	N     uint64           `json:"n"`
	Chain sitesync.Chain   `json:"chain"`
	Op    string           `json:"op"`
	Table string           `json:"table"`
	ID    string           `json:"id"`
	To    string           `json:"to,omitempty"`
	Data  json.RawMessage  `json:"data,omitempty"`
	Raw   []byte           `json:"raw,omitempty"`

	Quarantine uint64 `json:"quarantine,omitempty"`

	Before sitesync.Chain `json:"before"` // c(n-1), of the first line; zero where n is 1
}

// ImportResult is the result of quarantine.import.
type ImportResult struct {
	Quarantined int `json:"quarantined"` // changes that are in quarantine now
	Known       int `json:"known"`       // changes that had reached the hub before
}

// importOutbox takes a part of the outbox of a device that was replaced. What
// the hub has not had yet goes to quarantine; the same part again is harmless.
func (c *call) importOutbox(in quarantineImport) (out ImportResult, err error) {
	if in.Hub != hex.EncodeToString(hubID(c.Registry)) {
		return out, invalid("hub", "import the file at the hub that it came from", "the file belongs to another hub")
	}
	b, err := in.batch()
	if err != nil {
		return out, err
	}
	audit := c.audited(b.At)
	b.Import, b.Replay = &audit, c.replay()
	res, err := c.Records.Apply(b)
	switch {
	case err != nil:
		return out, err
	case res.Outcome == wire.Gap:
		return out, invalid("changes", "import the file whole, from its first line on", "changes are missing before the first one")
	case res.Outcome == wire.Diverged:
		return out, sitesync.Errorf(sitesync.CodeConflict, "keep the file, and enter by hand what is missing",
			"these changes are not the continuation of what the hub has from this device").WithField("changes")
	}
	return ImportResult{Quarantined: res.Refused, Known: len(in.Changes) - res.Refused}, nil
}

// batch makes the batch that the device would have pushed, and checks that it
// is what it was when it was exported.
func (in *quarantineImport) batch() (b records.Batch, err error) {
	if len(in.Changes) == 0 {
		return b, invalid("changes", "send lines of the file", "there are no changes")
	}
	first := &in.Changes[0]
	b = records.Batch{Store: first.Store, First: first.N, Chain: first.Before, After: first.N - 1, At: time.Now(),
		Origin: records.Origin{Epoch: first.Epoch, Site: in.Site, Replica: in.Replica}}
	hasher, chain := sitesync.NewHasher(), first.Before
	for i := range in.Changes {
		line := &in.Changes[i]
		change, err := line.change()
		if err != nil {
			return b, err
		}
		chain = hasher.Next(chain, &change, hasher.Record(change.Table, change.ID, change.Data))
		if line.Store != first.Store || line.Epoch != first.Epoch || line.N != first.N+uint64(i) || chain != line.Chain {
			return b, invalid("changes", "export the outbox again, and import that file as it is",
				"the changes are not those of one store and epoch in their order, or not as they were exported")
		}
		b.Changes = append(b.Changes, change)
	}
	return b, nil
}

func (line *ImportLine) change() (c sitesync.Change, err error) {
	op, ok := sitesync.ParseOp(line.Op)
	if !ok {
		return c, invalid("changes", "export the outbox again, and import that file as it is", "a line has the unknown operation "+clip(line.Op))
	}
	c = sitesync.Change{Op: op, Table: line.Table, ID: line.ID, To: line.To, Quarantine: line.Quarantine}
	if op == sitesync.OpPut {
		c.Data = line.Data
	}
	if len(line.Raw) > 0 {
		c.Data = line.Raw
	}
	return c, nil
}

func hubID(r *registry.Registry) []byte {
	id := r.Identity().Hub
	return id[:]
}

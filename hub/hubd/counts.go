package hubd

import (
	"sync"
	"sync/atomic"
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/metrics"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// counts are the hub's own counters. What others count is read from them.
type counts struct {
	busy          atomic.Uint64 // logins that came while too many passwords were checked
	eventsLeftOut atomic.Uint64
	pushBytes     atomic.Uint64
	applied       atomic.Uint64
	quarantined   atomic.Uint64
	commands      *metrics.Histogram
	commit, push  *metrics.Histogram
	latest        latencies // of commits

	mu      sync.Mutex
	logins  map[[2]string]uint64 // kind and result
	refused map[sitesync.ProblemCode]uint64
	pushes  map[wire.Outcome]uint64
	feeds   map[topic.Kind]fed
	events  map[sitesync.EventKind]uint64
}

// fed is what devices were sent.
type fed struct{ messages, bytes uint64 }

func newCounts() *counts {
	return &counts{
		commands: metrics.NewHistogram("sitesync_hub_command_seconds", "Time to carry out an administrator's command."),
		commit:   metrics.NewHistogram("sitesync_hub_commit_seconds", "Time to make a group of transactions durable, fsync included."),
		push:     metrics.NewHistogram("sitesync_hub_push_seconds", "Time to take a batch of a device's changes, until it is durable."),
		logins:   map[[2]string]uint64{}, refused: map[sitesync.ProblemCode]uint64{}, pushes: map[wire.Outcome]uint64{},
		feeds: map[topic.Kind]fed{}, events: map[sitesync.EventKind]uint64{},
	}
}

// loginFailed is the result of a login that could not be checked.
const loginFailed = "failed"

// loginResults names what became of logins.
var loginResults = map[registry.Outcome]string{
	registry.Accepted: "accepted", registry.Refused: "refused", registry.BadCredentials: "bad_credentials",
	registry.IdentifierRejected: "hardware_mismatch", registry.NotAuthorized: "not_authorized", registry.Busy: "busy",
}

func (c *counts) login(kind, result string) {
	if result == loginResults[registry.Busy] {
		c.busy.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins[[2]string{kind, result}]++
}

// device counts a device's login, and why its site's own device is refused.
func (c *counts) device(d *registry.Decision) {
	c.login("site", loginResults[d.Outcome])
	if d.Outcome == registry.Refused {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused[d.Refused]++
	}
}

// sent counts what a device was sent.
func (c *counts) sent(m *session.Message) {
	if m.Topic.Kind != topic.Changes && m.Topic.Kind != topic.Resync {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.feeds[m.Topic.Kind]
	c.feeds[m.Topic.Kind] = fed{f.messages + 1, f.bytes + uint64(len(m.Payload))}
}

func (c *counts) event(kind sitesync.EventKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[kind]++
}

// commits measures what is done in place of every commit of the database.
func (c *counts) commits(instead func(func() error) error) func(func() error) error {
	return func(commit func() error) error {
		began := time.Now()
		defer func() { c.commit.Took(began); c.latest.add(time.Since(began)) }()
		if instead != nil {
			return instead(commit)
		}
		return commit()
	}
}

// counted is the stores' data, with the pushes to it counted.
type counted struct {
	admin.Records
	counts *counts
}

// Apply implements records.State.
func (r *counted) Apply(b records.Batch) (records.Result, error) {
	began := time.Now()
	result, err := r.Records.Apply(b)
	r.counts.push.Took(began)
	r.counts.applied.Add(uint64(result.Applied))
	r.counts.quarantined.Add(uint64(result.Refused))
	outcome := result.Outcome
	if err != nil {
		outcome = wire.Overload
	}
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	r.counts.pushes[outcome]++
	return result, err
}

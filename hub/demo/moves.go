package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// late is how many changes a site has not sent when its store is to move.
const late = 25

// handOver moves a store from one site to another while the first has changes
// that are not sent: the second gets them too.
func (d *demo) handOver(ctx context.Context, from, to *site) error {
	d.table.say("The store %s is to move from %s to %s. %s's link is down, and %d changes wait there: the hub waits for them too", from.store, from.short, to.short, from.short, late)
	defer d.follow(from.store, from, to)()
	from.link.set(true)
	from.note = "link cut"
	if err := from.write(ctx, from.store, late); err != nil {
		return err
	}
	h, err := d.move(ctx, from.store, to, false)
	if err != nil {
		return err
	}
	if h.State != sitesync.HandoverDraining {
		return fmt.Errorf("handover %d is %s, and %s has not sent everything", h.ID, h.State, from.short)
	}
	d.draw()

	d.table.say("The link is back, and the store moves")
	from.link.set(false)
	from.note = ""
	if err := d.until(ctx, func() bool { return to.mayWrite(from.store) }); err != nil {
		return err
	}
	if err := d.until(ctx, func() bool { _, here := from.holds(from.store); return !here }); err != nil {
		return err
	}
	return to.write(ctx, from.store, late)
}

// takeAway moves a store from a computer that nobody can find. What it had not
// sent is not lost when that turns up after all.
func (d *demo) takeAway(ctx context.Context, from, to *site) error {
	d.table.say("The computer of %s is stolen, with %d changes that were never sent. Its store %s is taken from it by force, so that %s can work", from.short, late, from.store, to.short)
	defer d.follow(from.store, from, to)()
	from.link.set(true)
	from.note = "stolen"
	if err := from.write(ctx, from.store, late); err != nil {
		return err
	}
	if _, err := d.move(ctx, from.store, to, true); err != nil {
		return err
	}
	if err := d.until(ctx, func() bool { return to.mayWrite(from.store) }); err != nil {
		return err
	}
	if err := to.write(ctx, from.store, late); err != nil {
		return err
	}

	d.table.say("The computer is found. Its changes come too late, since the store is %s's now: they go into quarantine, whole", to.short)
	from.link.set(false)
	from.note = "found"
	var problem *sitesync.Problem
	if err := d.until(ctx, func() bool {
		var err error
		problem, err = from.problem(ctx)
		return err == nil && from.agent.DB().Backlog() == 0 && problem != nil && problem.Code == sitesync.ProblemQuarantined
	}); err != nil {
		return err
	}
	from.note = ""
	d.table.tell("%s shows: %s", from.short, problem.Message)
	d.table.tell("and what to do: %s", problem.Next)
	return d.decide(ctx, to)
}

// decide applies one of the changes in quarantine: the site that has the store
// now makes it.
func (d *demo) decide(ctx context.Context, owner *site) error {
	open, err := d.undecided(ctx)
	if err != nil {
		return err
	}
	if len(open) != late {
		return fmt.Errorf("%d changes are in quarantine, and %d came too late", len(open), late)
	}
	item := open[0]
	d.table.say("An operator looks at the %d changes in quarantine, and applies one: it is proposed to %s, which makes it", late, owner.short)
	if err := d.command(ctx, "quarantine.apply", map[string]any{"item": item.ID}, nil); err != nil {
		return err
	}
	if err := d.until(ctx, func() bool {
		_, err := owner.agent.DB().Get(item.Store, wire.Key{Table: item.Table, ID: item.Record})
		return err == nil
	}); err != nil {
		return err
	}
	d.table.tell("%s has the record %s of %s now, and so has the hub; %d changes wait until somebody decides", owner.short, item.Record, item.Table, late-1)
	return d.until(ctx, func() bool { return owner.agent.DB().Backlog() == 0 })
}

// undecided lists what is in quarantine.
func (d *demo) undecided(ctx context.Context) ([]sitesync.Quarantined, error) {
	var open struct{ Items []sitesync.Quarantined }
	err := d.command(ctx, "quarantine.list", map[string]any{"state": "open", "limit": 1000}, &open)
	return open.Items, err
}

// move has the administrator move a store, which may be by force.
func (d *demo) move(ctx context.Context, store string, to *site, force bool) (sitesync.Handover, error) {
	var answer struct{ Handover sitesync.Handover }
	err := d.command(ctx, "store.move", map[string]any{"store": store, "to": to.id, "force": force}, &answer)
	return answer.Handover, err
}

// diary keeps what the agents say of a store that moves, in its order, until it
// is told.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

func (d *demo) tellSeen() {
	for _, line := range d.seen.take() {
		d.table.tell("%s", line)
	}
}

// follow writes down what becomes of a store at sites, until it is ended. The
// first of them has it.
func (d *demo) follow(store string, sites ...*site) (end func()) {
	has, _ := sites[0].holds(store)
	var watches []*localdb.Watch
	for _, s := range sites {
		last := s.inWords(has.ID)
		watches = append(watches, s.agent.DB().Watch(func(id sitesync.StoreID, events []localdb.Event) {
			if id != has.ID || !slices.ContainsFunc(events, isTurn) {
				return
			}
			if now := s.inWords(id); now != last {
				last = now
				d.seen.add(s.short + " " + now)
			}
		}))
	}
	return func() {
		for _, w := range watches {
			w.Stop()
		}
	}
}

func isTurn(e localdb.Event) bool {
	return e.Kind == localdb.EventPhase || e.Kind == localdb.EventReset
}

// inWords says how a store stands at a site.
func (s *site) inWords(id sitesync.StoreID) string {
	st, here := s.agent.DB().Store(id)
	switch {
	case !here || st.Purged:
		return "has removed its copy"
	case st.Phase == sitesync.PhaseDraining:
		return fmt.Sprintf("does not write in it any more, and sends what waits: %d changes", st.Queued())
	case st.Phase == sitesync.PhaseReleased && st.Queued() > 0:
		return fmt.Sprintf("hears that the store is %s's; %d changes wait to be sent", st.To, st.Queued())
	case st.Phase == sitesync.PhaseReleased && st.Quarantined > 0:
		return "has a copy that is read-only"
	case st.Phase == sitesync.PhaseReleased:
		return "has given the store up; its copy is read-only"
	case s.agent.DB().Writable(&st) == nil:
		return fmt.Sprintf("has all of it, %d records, the same as the hub, and may write", st.Records)
	default:
		return "is getting the store, and may not write yet"
	}
}

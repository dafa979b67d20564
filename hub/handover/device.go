package handover

import (
	"slices"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Hello brings the stores of a site to the replica that said hello. holds tells
// whether it has anything of a store; what it has not of one that went
// elsewhere is purged.
func (d *Driver) Hello(site sitesync.SiteID, replica sitesync.ReplicaID, holds func(sitesync.StoreID) bool) error {
	err := d.meet(site, func(m *records.Meta) (e Event, do bool, err error) {
		if m.Replica.IsZero() || m.Replica == replica {
			return arrived(m, replica)
		}
		e = Event{Kind: Replaced, Replica: replica, By: "device", At: sitesync.At(time.Now()), Volume: volume(m)}
		e.Handover, err = d.registry.NextID(registry.IDHandover)
		return e, true, err
	})
	for _, store := range d.CopiesAt(site) {
		if err == nil && !holds(store) {
			err = d.Purged(store, site)
		}
	}
	return err
}

// Arrive fills in the replica of a live session where a store came to its site
// after it said hello. It replaces nobody.
func (d *Driver) Arrive(site sitesync.SiteID, replica sitesync.ReplicaID) error {
	return d.meet(site, func(m *records.Meta) (Event, bool, error) { return arrived(m, replica) })
}

func arrived(m *records.Meta, replica sitesync.ReplicaID) (Event, bool, error) {
	return Event{Kind: Arrived, Replica: replica, At: sitesync.At(time.Now())}, m.Replica.IsZero(), nil
}

// meet decides on every store of a site.
func (d *Driver) meet(site sitesync.SiteID, decide func(*records.Meta) (Event, bool, error)) error {
	for _, store := range d.owners.of(site) {
		err := d.each(store, func(m *records.Meta) (Event, bool, error) {
			if m.Owner != site {
				return Event{}, false, nil // it moved on this moment
			}
			return decide(m)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Verdict is what became of an agent's report.
type Verdict uint8

const (
	Stale   Verdict = 1 // of another handover, epoch or replica, or said again: no effect
	Behind  Verdict = 2 // true, but too early: the agent reports again
	Unequal Verdict = 3 // loaded, and the digests differ: the agent has to load anew
	Taken   Verdict = 4 // the store is in the next state
)

// maxLoadedTries is how many unequal digests of one epoch are taken for bad
// luck. From then on an operator has to look.
const maxLoadedTries = 3

// Drained takes an agent's word that it has frozen a store, and which change is
// its last.
func (d *Driver) Drained(store sitesync.StoreID, site sitesync.SiteID, m *wire.Handover) (v Verdict, err error) {
	v = Stale
	err = d.each(store, func(meta *records.Meta) (Event, bool, error) {
		e := Event{Kind: Drained, Replica: m.Replica, Handover: m.Handover, Epoch: m.Epoch, N: m.N, At: sitesync.At(time.Now()), Volume: volume(meta)}
		s := StateOf(meta)
		v = Stale
		switch _, refused := Next(s, e, d.generation()); {
		case meta.Owner != site:
		case refused == nil:
			v = Taken
		case meta.Phase == sitesync.PhaseDraining && byOwner(s, e):
			v = Behind
		}
		return e, v == Taken, nil
	})
	return v, err
}

// Loaded takes an agent's word that it has everything. tries counts the
// unequal digests of the epoch, this one included.
func (d *Driver) Loaded(store sitesync.StoreID, site sitesync.SiteID, m *wire.Handover) (v Verdict, tries int, err error) {
	v = Stale
	err = d.each(store, func(meta *records.Meta) (Event, bool, error) {
		e := Event{Kind: Loaded, Replica: m.Replica, Handover: m.Handover, Epoch: m.Epoch, Head: m.Cursor, Digest: m.Digest, At: sitesync.At(time.Now())}
		s := StateOf(meta)
		v, tries = Stale, meta.LoadedTries
		switch _, refused := Next(s, e, d.generation()); {
		case meta.Owner != site:
		case refused == nil:
			v = Taken
		case meta.Phase != sitesync.PhaseLoading || !byOwner(s, e):
		case e.Head != s.Head:
			v = Behind
		default:
			v, tries = Unequal, meta.LoadedTries+1
			next := *meta
			next.LoadedTries = tries
			_, err := d.state.Transition(meta.Version, next, nil)
			return e, false, err
		}
		return e, v == Taken, nil
	})
	return v, tries, err
}

// Purged takes an agent's word that nothing of a store that went elsewhere is
// left at its site. The store is listed there as long as somebody has to decide
// about changes that came from there too late.
func (d *Driver) Purged(store sitesync.StoreID, site sitesync.SiteID) error {
	waits := d.state.Undecided(site, store) > 0
	return d.amend(store, func(m *records.Meta) bool {
		i := slices.IndexFunc(m.Copies, func(c records.Copy) bool { return c.Site == site })
		if i < 0 || waits && m.Copies[i].Purged {
			return false
		}
		m.Copies = slices.Clone(m.Copies)
		if waits {
			m.Copies[i].Purged = true
		} else {
			m.Copies = slices.Delete(m.Copies, i, i+1)
		}
		return true
	})
}

// amend changes what the machine does not look at in a store's meta, again
// after a conflict. fn reports whether there is anything to write.
func (d *Driver) amend(store sitesync.StoreID, fn func(*records.Meta) bool) error {
	for {
		m, exists, err := d.state.Meta(store)
		if err != nil || !exists {
			return err
		}
		from := m.Version
		if !fn(&m) {
			return nil
		}
		made, err := d.state.Transition(from, m, nil)
		if err == nil {
			d.owners.set(&made)
		}
		if !isConflict(err) {
			return err
		}
	}
}

// LeaseOver hands a store on whose owner's lease is over, unless its handover
// is over too by now.
func (d *Driver) LeaseOver(store sitesync.StoreID, handover uint64) error {
	return d.each(store, func(m *records.Meta) (Event, bool, error) {
		e := Event{Kind: LeaseOver, Handover: handover, At: sitesync.At(time.Now()), Volume: volume(m)}
		_, refused := Next(StateOf(m), e, d.generation())
		return e, refused == nil, nil
	})
}

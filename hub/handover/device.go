package handover

import (
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Hello brings the stores of a site to the replica that said hello.
func (d *Driver) Hello(site sitesync.SiteID, replica sitesync.ReplicaID) error {
	return d.meet(site, func(m *records.Meta) (e Event, do bool, err error) {
		if m.Replica.IsZero() || m.Replica == replica {
			return arrived(m, replica)
		}
		e = Event{Kind: Replaced, Replica: replica, By: "device", At: sitesync.At(time.Now()), Volume: volume(m)}
		e.Handover, err = d.registry.NextID(registry.IDHandover)
		return e, true, err
	})
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

// Verdict is what became of an agent's loaded.
type Verdict uint8

const (
	Stale    Verdict = 1 // of another handover, epoch or replica: no effect
	Behind   Verdict = 2 // not at the head: the agent has to pull first
	Unequal  Verdict = 3 // the digests differ: the agent has to load anew
	Activate Verdict = 4 // the store is active there
)

// maxLoadedTries is how many unequal digests of one epoch are taken for bad
// luck. From then on an operator has to look.
const maxLoadedTries = 3

// Loaded takes an agent's word that it has everything. tries counts the
// unequal digests of the epoch.
func (d *Driver) Loaded(store sitesync.StoreID, site sitesync.SiteID, m *wire.Handover) (v Verdict, tries int, err error) {
	v = Stale
	err = d.each(store, func(meta *records.Meta) (Event, bool, error) {
		e := Event{Kind: Loaded, Replica: m.Replica, Handover: m.Handover, Epoch: m.Epoch, At: sitesync.At(time.Now())}
		s := stateOf(meta)
		switch {
		case meta.Owner != site || meta.Phase != sitesync.PhaseLoading || !byOwner(s, e):
			v = Stale
			if meta.Owner == site && meta.Phase == sitesync.PhaseActive && meta.Epoch == m.Epoch && meta.Replica == m.Replica {
				v = Activate // said again: the confirmation was lost
			}
			return e, false, nil
		case m.Cursor != meta.Head():
			v = Behind
			return e, false, nil
		case m.Digest != meta.Digest:
			v, tries = Unequal, meta.LoadedTries+1
			next := *meta
			next.LoadedTries = tries
			_, err := d.state.Transition(meta.Version, next, nil)
			return e, false, err
		}
		v = Activate
		return e, true, nil
	})
	return v, tries, err
}

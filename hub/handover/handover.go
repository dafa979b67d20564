// Package handover decides who owns a store: a pure state machine (machine.go)
// and the driver that runs it on the durable state.
//
// The driver changes a store's meta by compare-and-set alone, and reads it
// again after a conflict: whoever comes second decides on what the first left
// behind. What administrators want reaches it as numbered intents from the
// registry; the meta remembers the last number taken, in the transaction of
// the arrow, so that each is taken once, whatever crashes in between.
package handover

import (
	"errors"
	"log/slog"
	"slices"
	"sync"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// Registry is what the driver needs of the registry.
type Registry interface {
	Identity() registry.Identity
	NextID(kind registry.IDKind) (uint64, error)
	PendingIntents(store sitesync.StoreID, after uint64) []registry.Intent
	StoresWithIntents() []sitesync.StoreID
	IntentDone(store sitesync.StoreID, number uint64, outcome string) error
	SetDesired(a registry.Actor, store sitesync.StoreID, site sitesync.SiteID) error
}

// Driver runs the machine.
type Driver struct {
	state    records.State
	registry Registry
	log      *slog.Logger
	tell     func(Moved)
	owners   owners

	mu      sync.Mutex // one at a time takes intents
	refused map[intentKey]error
}

type intentKey struct {
	store  sitesync.StoreID
	number uint64
}

// Moved tells of an arrow that was taken, after it is durable.
type Moved struct {
	Store         sitesync.StoreID
	Before, After records.Meta
	Ended         []sitesync.Handover
}

// New makes a driver; tell is called after every arrow and must not block.
func New(state records.State, reg Registry, log *slog.Logger, tell func(Moved)) (*Driver, error) {
	d := &Driver{state: state, registry: reg, log: log, tell: tell, owners: newOwners(), refused: map[intentKey]error{}}
	err := state.Metas(func(m records.Meta) error {
		d.owners.set(&m)
		return nil
	})
	return d, err
}

// each decides on a store's meta and takes the arrow, again after a conflict.
func (d *Driver) each(store sitesync.StoreID, decide func(*records.Meta) (Event, bool, error)) error {
	for {
		m, exists, err := d.state.Meta(store)
		if err != nil || !exists {
			return err
		}
		e, do, err := decide(&m)
		if err == nil && do {
			step, refused := Next(StateOf(&m), e, d.generation())
			if refused != nil {
				return refused
			}
			err = d.write(m, step.Next, endedBy(step), m.Intent)
		}
		if !isConflict(err) {
			return err
		}
	}
}

func isConflict(err error) bool { return errors.Is(err, records.ErrConflict) }

// write takes an arrow, or two as one.
func (d *Driver) write(m records.Meta, to State, ended []sitesync.Handover, intent uint64) error {
	next := m
	next.Owner, next.Replica, next.Epoch, next.Phase, next.Handover = to.Owner, to.Replica, to.Epoch, to.Phase, to.Handover
	next.LoadedTries, next.Copies = 0, copies(&m, to.Owner)
	if next.Handover != nil {
		next.Handover.Store = m.Store
	}
	for i := range ended {
		ended[i].Store = m.Store
	}
	next.Intent = max(m.Intent, intent)
	made, err := d.state.Transition(m.Version, next, ended)
	if err != nil {
		return err
	}
	d.owners.set(&made)
	d.tell(Moved{Store: m.Store, Before: m, After: made, Ended: ended})
	return nil
}

// copies follows a change of owner: the former one keeps a copy for a while, and
// what the new one had is its store again.
func copies(m *records.Meta, owner sitesync.SiteID) []records.Copy {
	if owner == m.Owner {
		return m.Copies
	}
	list := slices.DeleteFunc(slices.Clone(m.Copies), func(c records.Copy) bool { return c.Site == owner || c.Site == m.Owner })
	if m.Owner != sitesync.CentralSite {
		list = append(list, records.Copy{Site: m.Owner})
	}
	return list
}

func (d *Driver) generation() uint32 { return d.registry.Identity().Generation }

// StateOf is what the machine looks at in a meta.
func StateOf(m *records.Meta) State {
	return State{Owner: m.Owner, Replica: m.Replica, Epoch: m.Epoch, Phase: m.Phase, Handover: m.Handover,
		Settled: m.Settled, Head: m.Head(), Digest: m.Digest}
}

func endedBy(steps ...Step) (list []sitesync.Handover) {
	for _, s := range steps {
		if s.Ended != nil {
			list = append(list, *s.Ended)
		}
	}
	return list
}

func volume(m *records.Meta) sitesync.Volume {
	return sitesync.Volume{Records: m.Records, Bytes: m.Bytes}
}

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
	"sync"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
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
	Ended         *sitesync.Handover
}

// New makes a driver; tell is called after every arrow and must not block.
func New(state records.State, reg Registry, log *slog.Logger, tell func(Moved)) (*Driver, error) {
	d := &Driver{state: state, registry: reg, log: log, tell: tell, owners: newOwners(), refused: map[intentKey]error{}}
	err := state.Metas(func(m records.Meta) error {
		d.owners.set(m.Store, m.Owner)
		return nil
	})
	return d, err
}

// StoresOf lists the stores a site owns, by ID.
func (d *Driver) StoresOf(site sitesync.SiteID) []sitesync.StoreID { return d.owners.of(site) }

// TakeAll takes every intent that waits, after a start or a crash.
func (d *Driver) TakeAll() error {
	var errs []error
	for _, store := range d.registry.StoresWithIntents() {
		if err := d.takePending(store); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Take takes the intents of a store in order, through the given number, and
// answers with the store's meta then. Errors: handover_state, when that intent
// was refused.
func (d *Driver) Take(store sitesync.StoreID, number uint64) (records.Meta, error) {
	if err := d.takePending(store); err != nil {
		return records.Meta{}, err
	}
	m, _, err := d.state.Meta(store)
	if err != nil {
		return m, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := intentKey{store, number}
	refused := d.refused[key]
	delete(d.refused, key)
	return m, refused
}

// takePending takes what waits for a store. One goroutine does so at a time, so
// that a refusal is kept for the one who asked.
func (d *Driver) takePending(store sitesync.StoreID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		m, exists, err := d.state.Meta(store)
		if err != nil {
			return err
		}
		pending := d.registry.PendingIntents(store, m.Intent)
		if len(pending) == 0 {
			return nil
		}
		next, err := d.take(m, exists, pending[0])
		if errors.Is(err, records.ErrConflict) {
			continue
		}
		if err != nil && sitesync.AsError(err) == nil {
			return err
		}
		if err != nil {
			d.refused[intentKey{store, pending[0].Number}] = err
		}
		d.finish(pending[0], next, err)
	}
}

// take runs one intent. A refused one is taken too: the meta's intent number
// moves on, so that an old wish is never run again.
func (d *Driver) take(m records.Meta, exists bool, in registry.Intent) (records.Meta, error) {
	if in.Kind == registry.IntentCreate {
		return d.create(m, exists, in)
	}
	e := Event{Kind: Move, To: in.To, Handover: in.Handover, By: in.By, At: sitesync.At(time.Now()), Volume: volume(&m)}
	if in.Kind == registry.IntentNewReplica {
		if m.Owner != in.To {
			return d.skip(m, in, nil) // it went elsewhere before the reset was taken
		}
		e.Kind = Replaced
	}
	step, refused := Next(stateOf(&m), e, d.generation())
	if refused != nil || step.Noop {
		return d.skip(m, in, refused)
	}
	return d.write(m, step, in.Number)
}

func (d *Driver) create(m records.Meta, exists bool, in registry.Intent) (records.Meta, error) {
	if exists {
		return d.skip(m, in, nil)
	}
	next := records.Meta{Store: in.Store, Owner: sitesync.CentralSite, Phase: sitesync.PhaseActive,
		Epoch: sitesync.NewEpoch(d.generation(), 1), Intent: in.Number}
	made, err := d.state.Transition(0, next, nil)
	if err == nil {
		d.owners.set(made.Store, made.Owner)
	}
	return made, err
}

// skip notes that an intent was taken without an arrow.
func (d *Driver) skip(m records.Meta, in registry.Intent, refused error) (records.Meta, error) {
	next := m
	next.Intent = in.Number
	made, err := d.state.Transition(m.Version, next, nil)
	if err != nil {
		return m, err
	}
	return made, refused
}

// write takes an arrow.
func (d *Driver) write(m records.Meta, s Step, intent uint64) (records.Meta, error) {
	next := m
	next.Owner, next.Replica, next.Epoch = s.Next.Owner, s.Next.Replica, s.Next.Epoch
	next.Phase, next.Handover, next.LoadedTries = s.Next.Phase, s.Next.Handover, 0
	if next.Handover != nil {
		next.Handover.Store = m.Store
	}
	next.Intent = max(m.Intent, intent)
	made, err := d.state.Transition(m.Version, next, s.Ended)
	if err != nil {
		return m, err
	}
	d.owners.set(made.Store, made.Owner)
	d.tell(Moved{Store: m.Store, Before: m, After: made, Ended: s.Ended})
	return made, nil
}

// finish drops an intent from the registry. What the registry shows as wanted
// is repaired from the meta when the wish was refused. Both are for show: a
// failure is logged and mended by the next start.
func (d *Driver) finish(in registry.Intent, m records.Meta, refused error) {
	outcome := ""
	if refused != nil {
		outcome = refused.Error()
		if err := d.registry.SetDesired(registry.Actor{Kind: registry.ActorSystem, Name: "hub", Command: "handover"}, in.Store, m.Owner); err != nil {
			d.log.Error("repairing where a store is wanted failed", "store", in.Store, "error", err)
		}
	}
	if err := d.registry.IntentDone(in.Store, in.Number, outcome); err != nil {
		d.log.Error("dropping a finished intent failed", "store", in.Store, "intent", in.Number, "error", err)
	}
}

// Hello brings the stores of a site to the replica that said hello.
func (d *Driver) Hello(site sitesync.SiteID, replica sitesync.ReplicaID) error {
	for _, store := range d.owners.of(site) {
		err := d.each(store, func(m *records.Meta) (Event, bool, error) {
			if m.Owner != site || m.Replica == replica {
				return Event{}, false, nil
			}
			e := Event{Kind: Arrived, Replica: replica, At: sitesync.At(time.Now())}
			if !m.Replica.IsZero() {
				e.Kind, e.By, e.Volume = Replaced, "device", volume(m)
				if m.Handover == nil {
					id, err := d.registry.NextID(registry.IDHandover)
					if err != nil {
						return e, false, err
					}
					e.Handover = id
				}
			}
			return e, true, nil
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

// each decides on a store's meta and takes the arrow, again after a conflict.
func (d *Driver) each(store sitesync.StoreID, decide func(*records.Meta) (Event, bool, error)) error {
	for {
		m, exists, err := d.state.Meta(store)
		if err != nil || !exists {
			return err
		}
		e, do, err := decide(&m)
		if err == nil && do {
			step, refused := Next(stateOf(&m), e, d.generation())
			if refused != nil {
				return refused
			}
			_, err = d.write(m, step, m.Intent)
		}
		if !errors.Is(err, records.ErrConflict) {
			return err
		}
	}
}

func (d *Driver) generation() uint32 { return d.registry.Identity().Generation }

func stateOf(m *records.Meta) State {
	return State{Owner: m.Owner, Replica: m.Replica, Epoch: m.Epoch, Phase: m.Phase, Handover: m.Handover}
}

func volume(m *records.Meta) sitesync.Volume {
	return sitesync.Volume{Records: m.Records, Bytes: m.Bytes}
}

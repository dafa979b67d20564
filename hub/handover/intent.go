package handover

import (
	"errors"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// TakeAll takes every intent that waits, after a start, a crash or a failure.
func (d *Driver) TakeAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, store := range d.registry.StoresWithIntents() {
		errs = append(errs, d.takePending(store))
	}
	if len(d.refused) > mostRefused {
		clear(d.refused) // whoever asked for so many is gone
	}
	return errors.Join(errs...)
}

// mostRefused bounds the refusals that wait for those who asked, who mostly
// come at once.
const mostRefused = 10_000

// Take takes the intents of a store in order, through the given number, and
// answers with the store's meta then. Errors: handover_state, when that intent
// was refused.
func (d *Driver) Take(store sitesync.StoreID, number uint64) (records.Meta, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.takePending(store); err != nil {
		return records.Meta{}, err
	}
	m, _, err := d.state.Meta(store)
	if err != nil {
		return m, err
	}
	key := intentKey{store, number}
	refused := d.refused[key]
	delete(d.refused, key)
	return m, refused
}

// takePending takes what waits for a store. One goroutine at a time does so,
// and keeps refusals for those who asked. Only when all is repaired are the
// intents dropped: after a crash in between they are found again, and skipped,
// since the meta names them as taken.
func (d *Driver) takePending(store sitesync.StoreID) error {
	pending := d.registry.PendingIntents(store, 0)
	refused := make([]*sitesync.Error, len(pending))
	for i, in := range pending {
		var err error
		if refused[i], err = d.takeOne(in); err != nil {
			return err
		}
	}
	if len(pending) == 0 {
		return nil
	}
	if err := d.repair(store); err != nil {
		d.log.Error("repairing where a store is wanted failed; it is tried again", "store", store, "error", err)
		return nil // what was wished is done
	}
	for i, in := range pending {
		d.finish(in, refused[i])
	}
	return nil
}

// takeOne takes an intent unless that was done before, and gives the reason
// when it was refused.
func (d *Driver) takeOne(in registry.Intent) (refused *sitesync.Error, err error) {
	for {
		m, exists, err := d.state.Meta(in.Store)
		if err != nil || exists && in.Number <= m.Intent {
			return nil, err
		}
		err = d.take(m, exists, in)
		if isConflict(err) {
			continue
		}
		if sitesync.CodeOf(err) != sitesync.CodeHandoverState {
			return nil, err // nil, or a failure: the intent is taken later
		}
		refused = sitesync.AsError(err)
		d.refused[intentKey{in.Store, in.Number}] = refused
		return refused, nil
	}
}

// take runs one intent. A refused one is taken too: the meta's intent number
// moves on, so that an old wish is never run again. Errors: handover_state,
// when it was refused; ErrConflict.
func (d *Driver) take(m records.Meta, exists bool, in registry.Intent) error {
	switch {
	case in.Kind == registry.IntentCreate && !exists:
		return d.create(in)
	case in.Kind == registry.IntentDelete && !exists:
		return nil // it was dropped before a crash
	case in.Kind == registry.IntentDelete:
		return d.drop(m, in)
	case !exists:
		return refusedIntent(in, "the store has no data")
	case in.Kind == registry.IntentCreate:
		return d.skip(m, in, nil)
	case in.Kind == registry.IntentNewReplica && m.Owner != in.To:
		return d.skip(m, in, nil) // it went elsewhere before the reset was taken
	case eventKinds[in.Kind] == 0:
		return d.skip(m, in, refusedIntent(in, "this hub cannot do it"))
	}
	steps, refused := Steps(StateOf(&m), event(in, &m), in.Force, d.generation())
	last := steps[len(steps)-1]
	if refused != nil || last.Noop {
		return d.skip(m, in, refused)
	}
	return d.write(m, last.Next, endedBy(steps...), in.Number)
}

var eventKinds = map[registry.IntentKind]EventKind{
	registry.IntentMove: Move, registry.IntentNewReplica: Replaced, registry.IntentCancel: Cancel, registry.IntentForce: Force,
}

func event(in registry.Intent, m *records.Meta) Event {
	return Event{Kind: eventKinds[in.Kind], To: in.To, Handover: in.Handover, By: in.By, At: sitesync.At(time.Now()), Volume: volume(m)}
}

// Steps takes an event and then, where the store is drained by it or was
// before, forces the handover: the two arrows are one. At least one step is
// given. Errors: handover_state.
func Steps(s State, e Event, force bool, generation uint32) ([]Step, error) {
	first, err := Next(s, e, generation)
	if err != nil || !force || first.Next.Phase != sitesync.PhaseDraining {
		return []Step{first}, err
	}
	e.Kind, e.Handover = Force, first.Next.Handover.ID
	second, err := Next(first.Next, e, generation)
	return []Step{first, second}, err
}

func refusedIntent(in registry.Intent, why string) error {
	return sitesync.Errorf(sitesync.CodeHandoverState, "look at the store with store.get", "%s of store %d: %s", in.Kind, in.Store, why)
}

func (d *Driver) create(in registry.Intent) error {
	next := records.Meta{Store: in.Store, Owner: sitesync.CentralSite, Phase: sitesync.PhaseActive,
		Epoch: sitesync.NewEpoch(d.generation(), 1), Intent: in.Number}
	made, err := d.state.Transition(0, next, nil)
	if err == nil {
		d.owners.set(&made)
	}
	return err
}

// drop takes the data of a store away that the registry does not have any more.
func (d *Driver) drop(m records.Meta, in registry.Intent) error {
	err := d.state.Drop(in.Store, m.Version, time.Now())
	if sitesync.CodeOf(err) == sitesync.CodeInUse {
		return d.skip(m, in, refusedIntent(in, err.Error()))
	}
	if err == nil {
		d.owners.forget(in.Store)
	}
	return err
}

// skip notes that an intent was taken without an arrow, and gives the refusal
// back.
func (d *Driver) skip(m records.Meta, in registry.Intent, refused error) error {
	next := m
	next.Intent = in.Number
	if _, err := d.state.Transition(m.Version, next, nil); err != nil {
		return err
	}
	return refused
}

// finish drops an intent from the registry. One that stays because that failed
// is dropped the next time.
func (d *Driver) finish(in registry.Intent, refused *sitesync.Error) {
	outcome := ""
	if refused != nil {
		outcome = refused.Error()
	}
	if err := d.registry.IntentDone(in.Store, in.Number, outcome); err != nil {
		d.log.Error("dropping a finished intent failed", "store", in.Store, "intent", in.Number, "error", err)
	}
}

// wanted is where a store is or goes.
func wanted(m *records.Meta) sitesync.SiteID {
	if m.Phase == sitesync.PhaseDraining {
		return m.Handover.To
	}
	return m.Owner
}

// repair brings what the registry shows as wanted to the meta, unless somebody
// made a new wish meanwhile, who takes it and comes by here again.
func (d *Driver) repair(store sitesync.StoreID) error {
	m, exists, err := d.state.Meta(store)
	if err != nil || !exists || len(d.registry.PendingIntents(store, m.Intent)) > 0 {
		return err
	}
	hub := registry.Actor{Kind: registry.ActorSystem, Name: "hub", Command: "handover"}
	if err := d.registry.SetDesired(hub, store, wanted(&m)); sitesync.CodeOf(err) != sitesync.CodeNotFound {
		return err
	}
	return nil // deleted
}

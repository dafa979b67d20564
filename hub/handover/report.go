package handover

import (
	"context"

	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Report takes an agent's message about a step of a handover. Its answer is
// the assignment that every arrow sends out; assignment makes the session's.
func (d *Driver) Report(_ context.Context, s *session.Session, frame []byte, assignment func(*session.Session) ([]session.Message, error)) ([]session.Message, error) {
	h, m, err := wire.Decode[wire.Handover](frame)
	if err != nil {
		return nil, err
	}
	if !s.Takes(h) || m.Step != wire.Loaded || m.Replica != s.Replica {
		return nil, nil
	}
	if s.Held(h.Store) != "" {
		return held(s, h.Store, m), nil
	}
	verdict, tries, err := d.Loaded(h.Store, s.Site, m)
	if err != nil {
		return nil, err
	}
	switch verdict {
	case Activate:
		return assignment(s)
	case Unequal:
		if tries < maxLoadedTries {
			return []session.Message{s.To(topic.Resync, h.Store, &wire.Chunk{Epoch: m.Epoch, Gone: true})}, nil
		}
		s.Hold(h.Store, sitesync.ProblemDiverged)
		return append(held(s, h.Store, m), session.Event(sitesync.EventHandoverTrouble, s.Site, h.Store,
			"Move the store back to the central site, and look at the disks of both machines.",
			"the full data of store %d arrived at site %d with a wrong digest %d times", h.Store, s.Site, tries)), nil
	}
	return nil, nil
}

// held tells the device that the store is held until an operator has looked.
func held(s *session.Session, store sitesync.StoreID, m *wire.Handover) []session.Message {
	return []session.Message{s.To(topic.Receipt, store, &wire.Receipt{Epoch: m.Epoch, Outcome: wire.Held})}
}

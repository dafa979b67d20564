package handover

import (
	"context"

	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Report takes an agent's message about a step of a handover. Its answer is
// the assignment that every arrow sends out. An agent that reports what is over
// has missed one, and is told anew. It is not made here: assignments of a
// session are made and sent one at a time, since an older one behind a newer
// one would have a frozen store written again.
func (d *Driver) Report(_ context.Context, s *session.Session, frame []byte) ([]session.Message, error) {
	h, m, err := wire.Decode[wire.Handover](frame)
	if err != nil {
		return nil, err
	}
	if !s.Takes(h) || m.Replica != s.Replica {
		return nil, nil
	}
	if m.Step == wire.Purged {
		err := d.Purged(h.Store, s.Site)
		s.Stale()
		return nil, err
	}
	if s.Held(h.Store) != "" {
		return held(s, h.Store, m), nil
	}
	verdict, tries := Stale, 0
	switch m.Step {
	case wire.Drained:
		verdict, err = d.Drained(h.Store, s.Site, m)
	case wire.Loaded:
		verdict, tries, err = d.Loaded(h.Store, s.Site, m)
	}
	switch {
	case err != nil:
		return nil, err
	case verdict == Taken, verdict == Stale:
		s.Stale()
		if verdict == Taken && m.Step == wire.Loaded && tries > 0 {
			return []session.Message{session.Event(sitesync.EventDigestRepaired, s.Site, h.Store, "If this happens again, look at the disks of both machines.",
				"the full data of store %d arrived at site %d with a wrong digest %d times; delivered again, it is right", h.Store, s.Site, tries)}, nil
		}
		return nil, nil
	case verdict == Unequal:
		return unequal(s, h.Store, m, tries), nil
	}
	return nil, nil
}

// unequal has the device load anew, until that has failed too often.
func unequal(s *session.Session, store sitesync.StoreID, m *wire.Handover, tries int) []session.Message {
	if tries < maxLoadedTries {
		return []session.Message{s.To(topic.Resync, store, &wire.Chunk{Epoch: m.Epoch, Gone: true})}
	}
	s.Hold(store, sitesync.ProblemDiverged)
	return append(held(s, store, m), session.Event(sitesync.EventHandoverTrouble, s.Site, store,
		"Move the store back to the central site, and look at the disks of both machines.",
		"the full data of store %d arrived at site %d with a wrong digest %d times", store, s.Site, tries))
}

// held tells the device that the store is held until an operator has looked.
func held(s *session.Session, store sitesync.StoreID, m *wire.Handover) []session.Message {
	return []session.Message{s.To(topic.Receipt, store, &wire.Receipt{Epoch: m.Epoch, Outcome: wire.Held})}
}

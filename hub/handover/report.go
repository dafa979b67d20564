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
	if !s.Takes(h) || m.Step != wire.Loaded || s.Held(h.Store) != "" {
		return nil, nil
	}
	verdict, tries, err := d.Loaded(h.Store, s.Site, m)
	if err != nil {
		return nil, err
	}
	switch verdict {
	case Activate:
		return assignment(s)
	case Behind:
		m, _, err := d.state.Meta(h.Store)
		if err != nil {
			return nil, err
		}
		head := wire.StoreCursor{Store: m.Store, Epoch: m.Epoch, Cursor: m.Head()}
		return []session.Message{s.To(topic.Hint, 0, &wire.Hint{Heads: []wire.StoreCursor{head}})}, nil
	case Unequal:
		again := s.To(topic.Resync, h.Store, &wire.Chunk{Epoch: m.Epoch, Gone: true})
		if tries < maxLoadedTries {
			return []session.Message{again}, nil
		}
		s.Hold(h.Store, sitesync.ProblemDiverged)
		return []session.Message{session.Event(sitesync.EventHandoverTrouble, s.Site, h.Store,
			"Move the store back to the central site, and look at the disks of both machines.",
			"the full data of store %d arrived at site %d with a wrong digest %d times", h.Store, s.Site, tries)}, nil
	}
	return nil, nil
}

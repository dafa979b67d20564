package feed

import (
	"context"
	"time"

	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Resync sends a store's full data: a manifest, then chunks in the order of
// keys as far as the credit goes.
func (f *Feed) Resync(_ context.Context, s *session.Session, frame []byte) ([]session.Message, error) {
	h, m, err := wire.Decode[wire.ResyncRequest](frame)
	if err != nil {
		return nil, err
	}
	if !s.Takes(h) {
		return nil, nil
	}
	meta, ok, err := f.state.Meta(h.Store)
	if err != nil {
		return nil, err
	}
	mine := ok && meta.Owner == s.Site && meta.Replica == s.Replica && meta.Epoch == m.Epoch &&
		meta.Phase == sitesync.PhaseLoading && s.Held(h.Store) == ""
	if !mine || !m.Head.IsZero() && m.Head != meta.PinnedHead() {
		return []session.Message{s.To(topic.Resync, h.Store, &wire.Chunk{Epoch: m.Epoch, Stream: m.Stream, Gone: true})}, nil
	}
	f.live.Arrived(h.Store, m.Epoch, m.Records, time.Now())
	st := s.Streams[h.Store]
	var out []session.Message
	if st == nil || st.ID != m.Stream || st.Epoch != m.Epoch {
		st = &session.Stream{ID: m.Stream, Epoch: m.Epoch, Next: m.After}
		s.Streams[h.Store] = st
		if m.Head.IsZero() {
			manifest := s.To(topic.Resync, h.Store, &wire.Manifest{Handover: meta.Handover.ID, Epoch: meta.Epoch, Head: meta.PinnedHead(),
				Records: uint64(meta.Records), Bytes: uint64(meta.Bytes), Stream: m.Stream})
			st.Spent += uint64(len(manifest.Payload))
			out = append(out, manifest)
		}
	}
	chunks, err := f.chunks(s, h.Store, m, st)
	return append(out, chunks...), err
}

// chunks sends on from where the stream stands.
func (f *Feed) chunks(s *session.Session, store sitesync.StoreID, m *wire.ResyncRequest, st *session.Stream) (out []session.Message, err error) {
	credit := min(m.Credit, st.Spent+MaxCredit)
	for st.Spent < credit && !st.Done {
		page, err := f.state.Scan(store, st.Next, messageLimit(credit-st.Spent))
		if err != nil {
			return out, err
		}
		chunk := s.To(topic.Resync, store, &wire.Chunk{Epoch: m.Epoch, Stream: st.ID, After: st.Next, Through: page.Through,
			Records: page.Records, Last: page.Last, Spent: st.Spent})
		st.Spent += uint64(len(chunk.Payload))
		st.Next, st.Done = page.Through, page.Last
		out = append(out, chunk)
	}
	return out, nil
}

package engine

import (
	"errors"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Status is the engine's part of the agent's status. What is wrong with single
// stores is in the database.
type Status struct {
	Link      sitesync.LinkState
	Since     time.Time // of Link
	LastSync  time.Time // the hub answered last that all was in step, or took something
	LastTry   time.Time // the hub was dialled last, and the attempt has ended: well, or not
	Problem   *sitesync.Problem
	ClockSkew time.Duration // this device ahead of the hub
	HubTime   time.Time     // when ClockSkew was taken; zero: never

	SendRate float64          // changes a second that the hub settles; 0: not known
	Loading  sitesync.StoreID // the store that arrives, with LoadRate
	LoadRate float64          // records a second; 0: not known
}

// Status gives the engine's part of the agent's status.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	st, now := e.status, time.Now()
	if st.Link == sitesync.LinkOnline {
		st.SendRate = e.sending.rate(now)
		st.Loading, st.LoadRate = e.loadingStore, e.loading.rate(now)
	}
	return st
}

// show shows the state of the link, and what is wrong with it.
func (e *Engine) show(state sitesync.LinkState, p *sitesync.Problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.showLocked(state, p)
}

func (e *Engine) showLocked(state sitesync.LinkState, p *sitesync.Problem) {
	if e.status.Link != state {
		if state == sitesync.LinkOnline || e.status.Link == sitesync.LinkOnline {
			e.Log.Info("link to the hub", "state", state)
		}
		e.status.Link, e.status.Since = state, time.Now()
		e.sending, e.loading, e.loadingStore = progress{}, progress{}, 0
	}
	e.status.Problem = p
}

// tried notes that an attempt to open a session has ended.
func (e *Engine) tried() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.LastTry = time.Now()
}

// clock takes note of the hub's time.
func (e *Engine) clock(hub time.Time) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.ClockSkew, e.status.HubTime = now.Sub(hub), now
}

// synced notes that the hub answered that all is in step, or took something.
func (e *Engine) synced() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.LastSync = time.Now()
}

// saveLastSync keeps LastSync for the next start. It is for show: a failure
// costs nothing but that.
func (e *Engine) saveLastSync() {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := sitesync.At(e.status.LastSync)
	if e.site == nil || !at.After(e.site.LastSync.Time) {
		return
	}
	next := *e.site
	next.LastSync = at
	if err := e.replaceLocked(&next); err != nil {
		e.Log.Error("saving when the last sync was failed", "error", err)
	}
}

var errUnanswered = sitesync.Errorf(sitesync.CodeUnreachable, "wait, the agent goes on trying; if it lasts, ask the hub's operator",
	"the hub was reached but does not answer")

// problemOf puts what ended a session into words. What is wrong with this
// program or its data is no fault of the link.
func problemOf(err error) sitesync.Problem {
	if isClosed(err) {
		err = errUnanswered
	}
	p := sitesync.Problem{Code: sitesync.ProblemUnreachable}
	switch e := sitesync.AsError(err); {
	case e != nil && e.Code == sitesync.CodeDiskFull:
		p.Code, p.Message, p.Next = sitesync.ProblemDiskFull, e.Message, e.Next
	case e != nil:
		return link.ProblemOf(err)
	case errors.Is(err, wire.ErrFrame), errors.Is(err, errFlooded):
		p.Message, p.Next = "the hub sent something that this program cannot take", "look whether this program's version fits the hub's; the agent goes on trying"
	default:
		p.Message, p.Next = "the sync failed on this device", "the agent goes on trying; if it lasts, look into its log, and start it again"
	}
	return p
}

// isClosed reports whether a session ended in its own time, and nothing came of
// it.
func isClosed(err error) bool { return errors.Is(err, errAgain) || errors.Is(err, link.ErrClosed) }

// hello makes what the agent says of itself when a session begins.
func (e *Engine) hello(site *Site) wire.Hello {
	h := wire.Hello{Replica: e.DB.Replica(), Version: e.Device.Version, Type: e.Device.Type, Platform: e.Device.Platform,
		Evidence: e.Device.Evidence, Test: e.Device.Test, Weak: e.Device.Weak,
		Generation: site.Generation, GenerationProof: site.Proof, Report: e.report()}
	for _, s := range e.DB.Stores() {
		if s.Purged {
			continue // nothing of it is here
		}
		state := wire.StoreState{Store: s.ID, Loaded: s.Loaded, Cursor: s.Cursor, Digest: s.Digest, Blocked: s.Blocked != nil}
		for _, o := range queues(&s) {
			state.Outbox = append(state.Outbox, wire.OutboxState{Epoch: o.Epoch, Confirmed: o.Confirmed, Chain: o.ConfirmedChain, Last: o.Last})
		}
		h.Stores = append(h.Stores, state)
	}
	return h
}

// queues lists the outbox of a store by epoch, the oldest first.
func queues(s *localdb.Store) []localdb.Outbox {
	return append(s.Past[:len(s.Past):len(s.Past)], s.Outbox)
}

func (e *Engine) report() wire.Report {
	r := wire.Report{Backlog: e.DB.Backlog(), Clock: time.Now(), DiskFree: e.DB.DiskFree(), Lease: e.DB.Lease().Length}
	for _, s := range e.DB.Stores() {
		if s.Blocked != nil {
			r.Problem = string(s.Blocked.Code)
		}
	}
	return r
}

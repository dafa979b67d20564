package hubd

import (
	"sitesync/hub/registry"
	"sitesync/shared/metrics"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// The hub's metrics. They tell numbers alone: no name of a site, a store or a
// person. Labels have few values, known beforehand.
var (
	mConnections = metrics.Gauge("sitesync_hub_connections", "MQTT connections now: devices, refused ones that only hear why, persons and tokens, and those not yet accepted.", "kind")
	mLogins      = metrics.Counter("sitesync_hub_logins_total", "Logins by kind of name and what became of them.", "kind", "result")
	mRefused     = metrics.Counter("sitesync_hub_refused_devices_total", "Logins of sites' own devices that were not let in, by reason.", "reason")
	mTurnedAway  = metrics.Counter("sitesync_hub_turned_away_total", "Connections closed before they said who they are.")
	mCrowded     = metrics.Counter("sitesync_hub_overload_total", "Connections and logins that came while there were too many at once.")
	mForbidden   = metrics.Counter("sitesync_hub_forbidden_total", "Messages and subscriptions that a client may not send.")
	mDropped     = metrics.Counter("sitesync_hub_dropped_messages_total", "Messages that found no room: to a person who reads too slowly, or, which is a defect, to a device.", "to")
	mMessages    = metrics.Counter("sitesync_hub_messages_total", "MQTT messages taken from clients.")
	mBytes       = metrics.Counter("sitesync_hub_bytes_total", "Bytes of MQTT, without TLS and WebSocket.", "direction")

	mPushes    = metrics.Counter("sitesync_hub_pushes_total", "Batches of changes from devices, by outcome.", "outcome")
	mPushBytes = metrics.Counter("sitesync_hub_push_bytes_total", "Bytes of these batches, compressed.")
	mChanges   = metrics.Counter("sitesync_hub_changes_total", "Changes of devices that were applied, or went into quarantine.", "result")
	mFeed      = metrics.Counter("sitesync_hub_feed_messages_total", "Messages of data sent to devices: changes, and full deliveries.", "kind")
	mFeedBytes = metrics.Counter("sitesync_hub_feed_bytes_total", "Bytes of these messages, compressed.", "kind")

	mSites      = metrics.Gauge("sitesync_hub_sites", "Sites by state.", "state")
	mBehind     = metrics.Gauge("sitesync_hub_sites_behind", "Sites whose device has not sent everything.")
	mBacklog    = metrics.Gauge("sitesync_hub_backlog_changes", "Changes that devices said they had not sent, all sites together.")
	mStores     = metrics.Gauge("sitesync_hub_stores", "Stores by phase; those that drain or load are being handed over.", "phase")
	mQuarantine = metrics.Gauge("sitesync_hub_quarantine_open", "Changes in quarantine that wait for a decision.")
	mWaiting    = metrics.Gauge("sitesync_hub_commands_waiting", "Commands to devices that wait for them to come online, or to answer.")
	mLeases     = metrics.Gauge("sitesync_hub_leases", "Sites with a longest time offline, and how far it is used up.", "state")

	mCommits  = metrics.Counter("sitesync_hub_transactions_total", "Transactions that were made durable.")
	mGroups   = metrics.Counter("sitesync_hub_fsyncs_total", "Group commits that made them durable.")
	mDatabase = metrics.Gauge("sitesync_hub_database_bytes", "What the database takes on the disk.")
	mFree     = metrics.Gauge("sitesync_hub_disk_free_bytes", "Bytes free on the database's disk.")
	mReserve  = metrics.Gauge("sitesync_hub_disk_reserve_bytes", "Bytes kept free on it: with less, nothing is written.")

	mEvents  = metrics.Counter("sitesync_hub_events_total", "Events published, by kind.", "kind")
	mLeftOut = metrics.Counter("sitesync_hub_events_left_out_total", "Events not published because there were too many of a kind.")
)

func (h *Hub) newMetrics() *metrics.Set {
	set := metrics.New("sitesync_hub_build_info", h.config.Version)
	set.Add(h.counts.commands, h.counts.commit, h.counts.push)
	set.Read(h.readBroker, mConnections, mTurnedAway, mCrowded, mForbidden, mDropped, mMessages, mBytes)
	set.Read(h.counts.read, mLogins, mRefused, mPushes, mPushBytes, mChanges, mFeed, mFeedBytes, mEvents, mLeftOut)
	set.Read(h.readState, mSites, mBehind, mBacklog, mStores, mQuarantine, mWaiting, mLeases)
	set.Read(h.readDatabase, mCommits, mGroups, mDatabase, mFree, mReserve)
	return set
}

func (h *Hub) readBroker(emit metrics.Emit) {
	s := h.broker.Stats()
	for kind, n := range map[string]int{"device": s.Devices, "refused": s.Refused, "person": s.Persons, "half_open": s.HalfOpen} {
		emit(mConnections, float64(n), kind)
	}
	emit(mTurnedAway, float64(s.TurnedAway))
	emit(mCrowded, float64(s.Crowded+h.counts.busy.Load()))
	emit(mForbidden, float64(s.Forbidden))
	emit(mDropped, float64(s.Dropped), "person")
	emit(mDropped, float64(s.Defects), "device")
	emit(mMessages, float64(s.Messages))
	emit(mBytes, float64(s.BytesIn), "in")
	emit(mBytes, float64(s.BytesOut), "out")
}

func (h *Hub) readState(emit metrics.Emit) {
	t := h.admin.Tally()
	for _, state := range []sitesync.SiteState{sitesync.StateOnline, sitesync.StateOffline, sitesync.StateNever, sitesync.StateRefused, sitesync.StateDisabled, sitesync.StateHeld} {
		emit(mSites, float64(t.States[state]), string(state))
	}
	emit(mBehind, float64(t.Behind))
	emit(mBacklog, float64(t.Backlog))
	stores := h.handover.Counts()
	for _, phase := range []sitesync.Phase{sitesync.PhaseActive, sitesync.PhaseDraining, sitesync.PhaseLoading} {
		emit(mStores, float64(stores[phase]), phase.String())
	}
	emit(mQuarantine, float64(h.records.Undecided(0, 0)))
	emit(mWaiting, float64(h.registry.WaitingAsks()))
	leases := h.leases.Counts()
	emit(mLeases, float64(leases.Held-leases.Expiring-leases.Over), "fresh")
	emit(mLeases, float64(leases.Expiring), "expiring")
	emit(mLeases, float64(leases.Over), "over")
}

func (h *Hub) readDatabase(emit metrics.Emit) {
	s := h.db.Stats()
	emit(mCommits, float64(s.Commits))
	emit(mGroups, float64(s.Groups))
	emit(mDatabase, float64(s.Bytes))
	emit(mFree, float64(s.DiskFree))
	emit(mReserve, float64(s.Reserve))
}

var outcomeNames = map[wire.Outcome]string{
	wire.Settled: "settled", wire.Gap: "gap", wire.Diverged: "diverged", wire.BadFrame: "bad_frame", wire.Overload: "overload", wire.Held: "held",
}

// read emits every combination of labels, also those that never were: an alert
// cannot see a first step from nothing.
func (c *counts) read(emit metrics.Emit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range []string{"site", string(registry.KindUser), string(registry.KindToken)} {
		for outcome, result := range loginResults {
			if kind == "site" || outcome != registry.Refused && outcome != registry.IdentifierRejected {
				emit(mLogins, float64(c.logins[[2]string{kind, result}]), kind, result)
			}
		}
		emit(mLogins, float64(c.logins[[2]string{kind, loginFailed}]), kind, loginFailed)
	}
	for r := wire.RefusedDeleted; r <= wire.RefusedTwoDevices; r++ {
		emit(mRefused, float64(c.refused[r.Problem()]), string(r.Problem()))
	}
	for outcome, name := range outcomeNames {
		emit(mPushes, float64(c.pushes[outcome]), name)
	}
	emit(mPushBytes, float64(c.pushBytes.Load()))
	emit(mChanges, float64(c.applied.Load()), "applied")
	emit(mChanges, float64(c.quarantined.Load()), "quarantined")
	for kind, name := range map[topic.Kind]string{topic.Changes: "changes", topic.Resync: "resync"} {
		emit(mFeed, float64(c.feeds[kind].messages), name)
		emit(mFeedBytes, float64(c.feeds[kind].bytes), name)
	}
	for _, e := range sitesync.Events {
		emit(mEvents, float64(c.events[e.Kind]), string(e.Kind))
	}
	emit(mLeftOut, float64(c.eventsLeftOut.Load()))
}

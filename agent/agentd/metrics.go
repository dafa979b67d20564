package agentd

import (
	"context"
	"net"
	"sync/atomic"

	"sitesync/agent/api"
	"sitesync/agent/localdb"
	"sitesync/shared/link"
	"sitesync/shared/metrics"
	"sitesync/shared/sitesync"
)

// The agent's metrics. They tell numbers alone, no name and nothing of the data.
var (
	mLink        = metrics.Gauge("sitesync_agent_link", "1 for the state in which the link to the hub is.", "state")
	mProblem     = metrics.Gauge("sitesync_agent_problem", "1 with the code of what is wrong; 0 with the code none when all is well.", "code")
	mBacklog     = metrics.Gauge("sitesync_agent_backlog_changes", "Changes that the hub has not confirmed.")
	mLastSync    = metrics.Gauge("sitesync_agent_last_sync_timestamp_seconds", "When the hub last answered that all is in step, or took something; 0: never.")
	mSkew        = metrics.Gauge("sitesync_agent_clock_skew_seconds", "This device's clock ahead of the hub's.")
	mStores      = metrics.Gauge("sitesync_agent_stores", "Stores by phase.", "phase")
	mQuarantined = metrics.Gauge("sitesync_agent_quarantined_changes", "Changes made here that the hub did not apply and on which nobody has decided.")
	mWrites      = metrics.Counter("sitesync_agent_local_writes_total", "Changes made through the local API.")
	mLinkBytes   = metrics.Counter("sitesync_agent_link_bytes_total", "Bytes received from the hub and sent to it, TLS included.", "direction")
	mDatabase    = metrics.Gauge("sitesync_agent_database_bytes", "What the database takes on the disk.")
	mFsyncs      = metrics.Counter("sitesync_agent_fsyncs_total", "Group commits that made changes durable.")
	mFree        = metrics.Gauge("sitesync_agent_disk_free_bytes", "Bytes free on the database's disk.")
	mReserve     = metrics.Gauge("sitesync_agent_disk_reserve_bytes", "Bytes kept free on it: with less, nothing is written.")
)

// traffic counts what passes the device's network to and from the hub.
type traffic struct{ in, out atomic.Uint64 }

// dial is the device's network, counted.
func (t *traffic) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := link.DialTCP(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &countedConn{c, t}, nil
}

type countedConn struct {
	net.Conn
	traffic *traffic
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.traffic.in.Add(uint64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.traffic.out.Add(uint64(n))
	return n, err
}

// newMetrics makes the agent's metrics. stop ends what they follow.
func (a *Agent) newMetrics() (set *metrics.Set, stop func()) {
	var writes atomic.Uint64
	watch := a.db.Watch(func(_ sitesync.StoreID, events []localdb.Event) {
		n := uint64(0)
		for i := range events {
			if events[i].Kind == localdb.EventChange && events[i].Local {
				n++
			}
		}
		writes.Add(n)
	})
	set = metrics.New("sitesync_agent_build_info", a.config.Version)
	set.Read(a.readStatus, mLink, mProblem, mBacklog, mLastSync, mSkew, mStores, mQuarantined)
	set.Read(func(emit metrics.Emit) {
		emit(mWrites, float64(writes.Load()))
		emit(mLinkBytes, float64(a.traffic.in.Load()), "in")
		emit(mLinkBytes, float64(a.traffic.out.Load()), "out")
		s := a.db.Stats()
		emit(mDatabase, float64(s.Bytes))
		emit(mFsyncs, float64(s.Groups))
		emit(mFree, float64(s.DiskFree))
		emit(mReserve, float64(s.Reserve))
	}, mWrites, mLinkBytes, mDatabase, mFsyncs, mFree, mReserve)
	return set, watch.Stop
}

var (
	linkStates = []sitesync.LinkState{sitesync.LinkOnline, sitesync.LinkConnecting, sitesync.LinkOffline, sitesync.LinkRefused, sitesync.LinkDisabled, sitesync.LinkUnjoined}
	phases     = []sitesync.Phase{sitesync.PhaseActive, sitesync.PhaseDraining, sitesync.PhaseLoading, sitesync.PhaseReleased}
)

func (a *Agent) readStatus(emit metrics.Emit) {
	st := api.Complete(a.Status(), a.db)
	for _, state := range linkStates {
		is := 0.0
		if st.Link == state {
			is = 1
		}
		emit(mLink, is, string(state))
	}
	if st.Problem != nil {
		emit(mProblem, 1, string(st.Problem.Code))
	} else {
		emit(mProblem, 0, "none")
	}
	emit(mBacklog, float64(st.Backlog))
	last := 0.0
	if st.LastSync != nil {
		last = float64(st.LastSync.UnixMilli()) / 1000
	}
	emit(mLastSync, last)
	emit(mSkew, float64(st.ClockSkewMs)/1000)
	byPhase := map[sitesync.Phase]int{}
	for _, s := range st.Stores {
		byPhase[s.Phase]++
	}
	for _, phase := range phases {
		emit(mStores, float64(byPhase[phase]), phase.String())
	}
	refused := uint64(0)
	for _, s := range a.db.Stores() {
		refused += s.Quarantined
	}
	emit(mQuarantined, float64(refused))
}

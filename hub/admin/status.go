package admin

import (
	"encoding/hex"
	"time"

	"sitesync/shared/sitesync"
)

// Machine is what a running hub knows of itself beside its registry and its
// stores.
type Machine struct {
	Version     string
	Started     time.Time
	Connections Connections
	Database    Database
	Rates       Rates
}

// Connections are counts of what is connected now.
type Connections struct {
	Devices  int `json:"devices"`  // live sessions
	Refused  int `json:"refused"`  // devices that only hear why they are not let in
	Persons  int `json:"persons"`  // of users and tokens
	HalfOpen int `json:"halfOpen"` // not signed in yet
}

// Database is the condition of the hub's database.
type Database struct {
	Bytes      int64   `json:"bytes"`    // on the disk
	DiskFree   uint64  `json:"diskFree"` // bytes free there; 0 when it cannot be measured
	Commits    uint64  `json:"commits"`  // since the start
	CommitMs   float64 `json:"commitMs"` // that the newest commits took: the median, and
	CommitMs99 float64 `json:"commitMs99"`
}

// Rates are what went through the hub a second, over about the last minute.
type Rates struct {
	Pushed      float64 `json:"pushed"`      // changes applied
	Quarantined float64 `json:"quarantined"` // changes put into quarantine
	Fed         float64 `json:"fed"`         // bytes of data sent to devices: changes, and full deliveries
	BytesIn     float64 `json:"bytesIn"`
	BytesOut    float64 `json:"bytesOut"`
}

// HubStatus is the result of hub.status.
type HubStatus struct {
	Version     string         `json:"version"`
	Hub         string         `json:"hub"` // identity, hexadecimal
	Generation  uint32         `json:"generation"`
	Started     sitesync.Time  `json:"started"`
	Uptime      Seconds        `json:"uptime"`
	Connections Connections    `json:"connections"`
	Sites       map[string]int `json:"sites"`     // by state, and total
	Stores      map[string]int `json:"stores"`    // by phase, and total
	Handovers   int            `json:"handovers"` // under way
	Quarantine  uint64         `json:"quarantine"`
	Backlog     uint64         `json:"backlog"` // changes that devices last said they had not sent
	Database    Database       `json:"database"`
	Rates       Rates          `json:"rates"`
}

// noArgs is what commands take that need nothing.
type noArgs struct{}

func (c *call) hubStatus(noArgs) (HubStatus, error) {
	m := c.Machine()
	identity := c.Registry.Identity()
	out := HubStatus{Version: m.Version, Hub: hex.EncodeToString(identity.Hub[:]), Generation: identity.Generation, Started: sitesync.At(m.Started),
		Uptime: Seconds(time.Since(m.Started) / time.Second), Connections: m.Connections, Database: m.Database, Rates: m.Rates,
		Sites: map[string]int{}, Stores: map[string]int{}, Quarantine: c.Records.Undecided(0, 0)}
	tally, phases := c.Tally(), c.Handover.Counts()
	out.Backlog = tally.Backlog
	for _, state := range []sitesync.SiteState{sitesync.StateOnline, sitesync.StateOffline, sitesync.StateNever, sitesync.StateRefused, sitesync.StateDisabled, sitesync.StateHeld} {
		out.Sites[string(state)] = tally.States[state]
		out.Sites["total"] += tally.States[state]
	}
	for _, phase := range []sitesync.Phase{sitesync.PhaseActive, sitesync.PhaseDraining, sitesync.PhaseLoading} {
		out.Stores[phase.String()] = phases[phase]
		out.Stores["total"] += phases[phase]
	}
	out.Handovers = phases[sitesync.PhaseDraining] + phases[sitesync.PhaseLoading]
	return out, c.ctx.Err()
}

package api

import (
	"context"

	"sitesync/shared/sitesync"
)

// Agent is what the API needs of the engine that syncs. Its methods may be
// called from any goroutine; errors with a code reach the caller as they are.
type Agent interface {
	// Status answers at once. The API fills in Backlog and Stores itself.
	Status() Status
	// Sync begins to sync now and does not wait for it.
	Sync() error
	// Check tries the connection to the hub step by step.
	Check(ctx context.Context) ([]Step, error)
	// SetEnabled turns syncing on or off, durably.
	SetEnabled(ctx context.Context, enabled bool) error
	// SetSite changes the site's details on this device, durably. Another hub
	// or site while changes wait is refused with unsent, unless abandon is
	// set: then they are exported first.
	SetSite(ctx context.Context, edit SiteEdit, abandon bool) error
}

// Status is the state of the agent, as GET /v1/status answers it.
type Status struct {
	Site        *Site               `json:"site"` // nil before the first join
	Hub         string              `json:"hub"`
	HardwareID  sitesync.HardwareID `json:"hardwareId"`
	Link        sitesync.LinkState  `json:"link"`
	Since       sitesync.Time       `json:"since"` // when Link became so
	Backlog     uint64              `json:"backlog"`
	LastSync    *sitesync.Time      `json:"lastSync"`
	Stores      []Store             `json:"stores"`
	Problem     *sitesync.Problem   `json:"problem"`
	ClockSkewMs int64               `json:"clockSkewMs"`
	Lease       *Lease              `json:"lease"` // nil where the site may be offline for any time
}

// Lease is for how long the stores can be written without contact to the hub.
type Lease struct {
	MaxOffline uint64         `json:"maxOffline"` // seconds
	ReadOnlyAt *sitesync.Time `json:"readOnlyAt"` // when they become read-only unless the hub is reached; nil where nobody can say, after a reboot
	Expired    bool           `json:"expired"`
}

// Site is the site this device is.
type Site struct {
	ID   sitesync.SiteID `json:"id"` // 0 before the first welcome
	Name string          `json:"name"`
	Code string          `json:"code"`
}

// Store is a store in the Status.
type Store struct {
	Code     string         `json:"code"`
	Phase    sitesync.Phase `json:"phase"`
	Writable bool           `json:"writable"`
	Epoch    sitesync.Epoch `json:"epoch"`
	Queued   uint64         `json:"queued"`
	Loaded   Loaded         `json:"loaded"`

	To    string         `json:"to,omitempty"`    // of draining and released: the site that gets it
	Since *sitesync.Time `json:"since,omitempty"` // when it became so, by this device's clock
}

// Loaded is how much of a store has arrived; both are the same once all has.
type Loaded struct {
	Records uint64 `json:"records"`
	Total   uint64 `json:"total"`
}

// Step is one step of a connection check, for example "tls" or "login".
type Step struct {
	Step    string            `json:"step"`
	OK      bool              `json:"ok"`
	Ms      int64             `json:"ms"`
	Problem *sitesync.Problem `json:"problem"`
}

// SiteEdit changes what is not nil. The password is kept only until the hub
// has issued a credential.
type SiteEdit struct {
	Hub      *string `json:"hub,omitempty"`
	CA       *string `json:"ca,omitempty"` // PEM
	Name     *string `json:"name,omitempty"`
	Password *string `json:"password,omitempty"`
	Code     *string `json:"code,omitempty"`
}

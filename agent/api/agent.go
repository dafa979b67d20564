package api

import (
	"context"
	"io"

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
	// Details tells which site this device is, and what it is. It answers at
	// once.
	Details() Details
	// Join tries to join a site. That the hub refuses, or is not reached, is no
	// error: the result says so. Nothing is kept when it refuses.
	Join(ctx context.Context, site JoinSite) (Joined, error)
	// Export writes what waits in the outbox, a line for each change.
	Export(w io.Writer) error
}

// Status is the state of the agent, as GET /v1/status answers it.
type Status struct {
	Site        *Site               `json:"site"` // nil before the first join
	Hub         string              `json:"hub"`
	HardwareID  sitesync.HardwareID `json:"hardwareId"`
	Link        sitesync.LinkState  `json:"link"`
	Since       sitesync.Time       `json:"since"` // when Link became so
	Backlog     uint64              `json:"backlog"`
	OldestAt    *sitesync.Time      `json:"backlogSince"` // from when the oldest change that waits is, or a little later; nil where none does
	ETA         *sitesync.Time      `json:"eta"`          // when all that waits will be sent at the present speed; nil where nobody can say
	LastSync    *sitesync.Time      `json:"lastSync"`
	LastTry     *sitesync.Time      `json:"lastTry"` // when an attempt to open a session with the hub ended last, well or not; nil before the first since the start
	Stores      []Store             `json:"stores"`
	Problem     *sitesync.Problem   `json:"problem"`
	ClockSkewMs int64               `json:"clockSkewMs"`
	Lease       *Lease              `json:"lease"` // nil where the site may be offline for any time

	Rates Rates `json:"-"`
}

// Rates are the speeds of what is under way; 0 where they are not known.
type Rates struct {
	Send    float64          // changes a second that the hub takes
	Loading sitesync.StoreID // the store that arrives
	Load    float64          // its records a second
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

	Quarantined uint64         `json:"quarantined"`           // changes that the hub did not apply and nobody has decided on
	QueuedSince *sitesync.Time `json:"queuedSince,omitempty"` // while changes wait; see backlogSince
	Why         sitesync.Code  `json:"why,omitempty"`         // it cannot be written: store_moving, store_loading, store_released, lease_expired

	To    string         `json:"to,omitempty"`    // of draining and released: the site that gets it
	Since *sitesync.Time `json:"since,omitempty"` // when it became so, by this device's clock
}

// Loaded is how much of a store has arrived; both are the same once all has.
type Loaded struct {
	Records uint64 `json:"records"`
	Total   uint64 `json:"total"`

	ETA *sitesync.Time `json:"eta,omitempty"` // when all will have arrived at the present speed; only while it arrives
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

// Trust says how the hub is known to be the right one.
type Trust string

const (
	TrustSystem      Trust = "system"      // by the certificates that the system trusts
	TrustCA          Trust = "ca"          // by a CA certificate that was entered
	TrustFingerprint Trust = "fingerprint" // by the fingerprint in a join string
)

// Details are the site's details on this device, none of them secret, and the
// device.
type Details struct {
	Site         *Site               `json:"site"`
	Hub          string              `json:"hub"`
	Trust        Trust               `json:"trust"`
	Enabled      bool                `json:"enabled"` // false before the first join too
	HardwareID   sitesync.HardwareID `json:"hardwareId"`
	TestHardware bool                `json:"testHardware"` // the facts were made up
	Type         sitesync.SiteType   `json:"type"`
	Platform     string              `json:"platform"`
	Version      string              `json:"version"`
}

// JoinSite says which site to join: by a join string, or by hand.
type JoinSite struct {
	Join     string `json:"join,omitempty"`
	Hub      string `json:"hub,omitempty"`
	CA       string `json:"ca,omitempty"` // PEM
	Name     string `json:"name,omitempty"`
	Password string `json:"password"`
	Keep     bool   `json:"keep,omitempty"` // also when the hub is not reached
}

// Joined tells how an attempt to join went.
type Joined struct {
	Joined bool   `json:"joined"` // the hub welcomed this device
	Saved  bool   `json:"saved"`  // the details were kept
	Steps  []Step `json:"steps"`  // as of a check
}

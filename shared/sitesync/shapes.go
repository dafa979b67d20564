package sitesync

import (
	"encoding/json"
	"time"
)

// The shapes in which commands, topics and the local API speak of things.
// Their JSON names are part of the contract.

// Time is an instant, in JSON as RFC 3339 UTC with milliseconds.
type Time struct{ time.Time }

// TimeFormat is RFC 3339 with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z07:00"

// At makes a Time of t, to the millisecond, in UTC.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalText writes RFC 3339 UTC with milliseconds.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.UTC().Format(TimeFormat)), nil }

// MarshalJSON writes RFC 3339 UTC with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.UTC().Format(TimeFormat)) }

// SiteType says what kind of device a site is.
type SiteType string

const (
	TypeCentral    SiteType = "central"
	TypeStandalone SiteType = "standalone"
	TypeMobile     SiteType = "mobile"
	TypeMirror     SiteType = "mirror"
)

// Transport is how a site's agent may reach the hub.
type Transport string

const (
	TransportAuto Transport = "auto"
	TransportTLS  Transport = "tls"
	TransportWSS  Transport = "wss"
	TransportTCP  Transport = "tcp"
)

// Phase is the phase of a store. The numbers are on the wire; on disk phases go
// by their names.
type Phase uint8

const (
	PhaseActive   Phase = 1
	PhaseDraining Phase = 2
	PhaseLoading  Phase = 3
	PhaseReleased Phase = 4 // at an agent only: no longer its own
)

var phaseNames = map[Phase]string{PhaseActive: "active", PhaseDraining: "draining", PhaseLoading: "loading", PhaseReleased: "released"}

func (p Phase) String() string {
	if name, ok := phaseNames[p]; ok {
		return name
	}
	return "phase?"
}

// MarshalText writes the phase's name; an unknown phase is an error.
func (p Phase) MarshalText() ([]byte, error) {
	if _, ok := phaseNames[p]; !ok {
		return nil, Errorf(CodeInternal, "", "phase %d has no name", uint8(p))
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads a phase's name.
func (p *Phase) UnmarshalText(text []byte) error {
	for phase, name := range phaseNames {
		if name == string(text) {
			*p = phase
			return nil
		}
	}
	return Errorf(CodeInvalid, "use active, draining, loading or released", "%q is not a phase", clip(string(text)))
}

// LinkState is the agent's connection as a person sees it.
type LinkState string

const (
	LinkOnline     LinkState = "online"
	LinkConnecting LinkState = "connecting"
	LinkOffline    LinkState = "offline"
	LinkRefused    LinkState = "refused"
	LinkDisabled   LinkState = "disabled"
	LinkUnjoined   LinkState = "unjoined"
)

// SiteState is the state of a site as the hub sees it.
type SiteState string

const (
	StateOnline   SiteState = "online"
	StateOffline  SiteState = "offline"
	StateNever    SiteState = "never"
	StateRefused  SiteState = "refused"
	StateDisabled SiteState = "disabled"
	StateHeld     SiteState = "held"
)

// ProblemCode names what is wrong with a site or a device.
type ProblemCode string

const (
	ProblemBadCredentials   ProblemCode = "bad_credentials"
	ProblemHardwareMismatch ProblemCode = "hardware_mismatch"
	ProblemDeleted          ProblemCode = "deleted"
	ProblemHardwareReset    ProblemCode = "hardware_reset"
	ProblemReplaced         ProblemCode = "replaced"
	ProblemDisabled         ProblemCode = "disabled"
	ProblemSiteRenamed      ProblemCode = "site_renamed"
	ProblemPasswordChanged  ProblemCode = "password_changed"
	ProblemTwoDevices       ProblemCode = "two_devices"
	ProblemUnreachable      ProblemCode = "unreachable"
	ProblemTLS              ProblemCode = "tls"
	ProblemDiverged         ProblemCode = "diverged"
	ProblemBadFrame         ProblemCode = "bad_frame"
	ProblemQuarantined      ProblemCode = "quarantined"
	ProblemLeaseExpired     ProblemCode = "lease_expired"
	ProblemDiskFull         ProblemCode = "disk_full"
	ProblemClock            ProblemCode = "clock"
)

// Problem tells a person what is wrong and what to do about it.
type Problem struct {
	Code    ProblemCode `json:"code"`
	Message string      `json:"message"`
	Next    string      `json:"next"`
}

// Site is the shape S.
type Site struct {
	ID          SiteID      `json:"id"`
	Code        string      `json:"code"`
	Name        string      `json:"name"`
	Type        SiteType    `json:"type"`
	Enabled     bool        `json:"enabled"`
	HardwareID  *HardwareID `json:"hardwareId"`
	Transport   Transport   `json:"transport"`
	Stores      []SiteStore `json:"stores"`
	State       SiteState   `json:"state"`
	LastSeen    *Time       `json:"lastSeen"`
	LastSync    *Time       `json:"lastSync"`
	Backlog     uint64      `json:"backlog"`
	Version     string      `json:"version"`
	Platform    string      `json:"platform"`
	ClockSkewMs int64       `json:"clockSkewMs"`
	Problem     *Problem    `json:"problem"`
	Revision    uint64      `json:"revision"`
	ActiveHere  bool        `json:"activeHere"`
	MaxOffline  uint64      `json:"maxOffline"` // seconds; 0 is off
	Mirror      bool        `json:"mirror"`
	Test        bool        `json:"testHardware,omitempty"` // its hardware facts come from a file
	Since       *Time       `json:"since,omitempty"`        // online since then
	DiskFree    uint64      `json:"diskFree,omitempty"`     // bytes on the device's disk, as last told
	Asked       int         `json:"asked,omitempty"`        // commands that wait for its device, see site.asked
}

// SiteStore is a store in a Site.
type SiteStore struct {
	ID    StoreID `json:"id"`
	Code  string  `json:"code"`
	Name  string  `json:"name"`
	Epoch Epoch   `json:"epoch"`
	Phase Phase   `json:"phase"`
}

// Store is the shape T.
type Store struct {
	ID       StoreID   `json:"id"`
	Code     string    `json:"code"`
	Name     string    `json:"name"`
	Tags     []string  `json:"tags"`
	Site     SiteID    `json:"site"`
	Epoch    Epoch     `json:"epoch"`
	Phase    Phase     `json:"phase"`
	Handover *Handover `json:"handover"`
	Records  int64     `json:"records"`
	Bytes    int64     `json:"bytes"`
	Head     string    `json:"head"`
	Digest   Digest    `json:"digest"`
}

// HandoverState is where a handover stands.
type HandoverState string

const (
	HandoverDraining  HandoverState = "draining"
	HandoverLoading   HandoverState = "loading"
	HandoverDone      HandoverState = "done"
	HandoverCancelled HandoverState = "cancelled"
	HandoverForced    HandoverState = "forced"
)

// Handover is the shape H.
type Handover struct {
	ID      uint64        `json:"id"`
	Store   StoreID       `json:"store"`
	From    SiteID        `json:"from"`
	To      SiteID        `json:"to"`
	State   HandoverState `json:"state"`
	Epoch   Epoch         `json:"epoch"` // the new owner's
	Started Time          `json:"started"`
	Ended   *Time         `json:"ended"`
	Sent    Volume        `json:"sent"`
	Total   Volume        `json:"total"`
	ETA     *Time         `json:"eta"`
	By      string        `json:"by"`

	FromEpoch Epoch `json:"fromEpoch,omitzero"` // the former owner's

	Drained *Time  `json:"drained,omitempty"` // when the former site's last change was in
	Forced  string `json:"forced,omitempty"`  // who did not wait for that: an administrator, or ForcedByLease
	Waiting uint64 `json:"waiting,omitempty"` // draining: changes that the former site last said it had not sent
	Rate    int64  `json:"rate,omitempty"`    // loading: bytes of records a second

	// For people: the store's code and the sites' names, as they are now.
	Code     string `json:"code,omitempty"`
	FromName string `json:"fromName,omitempty"`
	ToName   string `json:"toName,omitempty"`
}

// ForcedByLease stands in Handover.Forced where the former site's lease was
// over. It is no user's name.
const ForcedByLease = "lease:expired"

// Volume is an amount of data.
type Volume struct {
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
}

// Reason says why a change is in quarantine. The numbers are on the wire and
// on disk.
type Reason uint8

const (
	ReasonStaleEpoch Reason = 1
	ReasonNotOwner   Reason = 2
	ReasonDiverged   Reason = 3
	ReasonSchema     Reason = 4
	ReasonSize       Reason = 5
	ReasonTarget     Reason = 6
	ReasonBadFrame   Reason = 7
)

var reasonNames = map[Reason]string{
	ReasonStaleEpoch: "stale_epoch", ReasonNotOwner: "not_owner", ReasonDiverged: "diverged",
	ReasonSchema: "schema", ReasonSize: "size", ReasonTarget: "target", ReasonBadFrame: "bad_frame",
}

func (r Reason) String() string {
	if name, ok := reasonNames[r]; ok {
		return name
	}
	return "reason?"
}

// Known reports whether r is one of the reasons; others are refused, not
// guessed.
func (r Reason) Known() bool { _, ok := reasonNames[r]; return ok }

// MarshalText writes the reason's name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's name.
func (r *Reason) UnmarshalText(text []byte) error {
	for reason, name := range reasonNames {
		if name == string(text) {
			*r = reason
			return nil
		}
	}
	return Errorf(CodeInvalid, "use the name of a reason", "%q is not a reason", clip(string(text)))
}

// QuarantineState says what became of a quarantined change.
type QuarantineState string

const (
	QuarantineOpen      QuarantineState = "open"
	QuarantineProposed  QuarantineState = "proposed"  // waits for the store's site to make it a change of its own
	QuarantineApplied   QuarantineState = "applied"   // became a change of the store
	QuarantineStale     QuarantineState = "stale"     // proposed, but the record had moved on: to be decided anew
	QuarantineDiscarded QuarantineState = "discarded" // kept whole in the audit log
)

// Decided reports whether nobody has to look at the change any more.
func (s QuarantineState) Decided() bool {
	return s == QuarantineApplied || s == QuarantineDiscarded
}

// Quarantined is the shape Q.
type Quarantined struct {
	ID       uint64          `json:"id"`
	Store    StoreID         `json:"store"`
	Table    string          `json:"table"`
	Record   string          `json:"record"`
	Op       string          `json:"op"`
	Data     json.RawMessage `json:"data"`
	Reason   Reason          `json:"reason"`
	Site     SiteID          `json:"site"`
	Epoch    Epoch           `json:"epoch"`
	N        uint64          `json:"n"`
	Received Time            `json:"received"`
	Present  json.RawMessage `json:"present"`
	State    QuarantineState `json:"state"`

	Raw     []byte `json:"raw,omitempty"`     // the bytes that came, where they are no JSON object
	To      string `json:"to,omitempty"`      // of a transfer: the code it was addressed to
	Decided *Time  `json:"decided,omitempty"` // when it was proposed, applied or discarded, last
	By      string `json:"by,omitempty"`      // who decided so

	// For people: the store's code and the site's name, as they are now.
	Code     string `json:"code,omitempty"`
	SiteName string `json:"siteName,omitempty"`
}

// Record is the shape R.
type Record struct {
	Store   StoreID         `json:"store"`
	Table   string          `json:"table"`
	ID      string          `json:"id"`
	Data    json.RawMessage `json:"data"`
	ETag    string          `json:"etag"`
	Changed Time            `json:"changed"`
}

// Audit is the shape A.
type Audit struct {
	At      Time            `json:"at"`
	By      string          `json:"by"`
	From    string          `json:"from"`
	Command string          `json:"command"`
	ID      string          `json:"id"`
	Site    *SiteID         `json:"site"`
	Store   *StoreID        `json:"store"`
	Before  json.RawMessage `json:"before"`
	After   json.RawMessage `json:"after"`
}

// AuditEntry is an entry of an audit log, with its place there.
type AuditEntry struct {
	Audit
	Place string `json:"-"` // a list goes on after it; opaque
}

// SiteStatus is the retained message on a site's status topic: what of a Site
// changes by itself. Who knows another revision asks for the rest.
type SiteStatus struct {
	Site        SiteID    `json:"site"`
	Online      bool      `json:"online"`
	Session     uint64    `json:"session"`
	Type        SiteType  `json:"type"`
	Version     string    `json:"version"`
	LastSync    *Time     `json:"lastSync"`
	Backlog     uint64    `json:"backlog"`
	Problem     *Problem  `json:"problem"`
	State       SiteState `json:"state"`
	Since       *Time     `json:"since,omitempty"`
	LastSeen    *Time     `json:"lastSeen"`
	ClockSkewMs int64     `json:"clockSkewMs"`
	DiskFree    uint64    `json:"diskFree,omitempty"`
	Revision    uint64    `json:"revision"`
}

package registry

import (
	"maps"
	"strings"
	"time"
	"unicode"

	"sitesync/shared/sitesync"
)

// deviceRecord is what a site's device is known by. It outlives its site, so
// that a device of a deleted site can be told.
type deviceRecord struct {
	header
	Site           sitesync.SiteID     `json:"site"`
	Password       uint64              `json:"password"` // version of the present one; 0 = none
	LastPassword   uint64              `json:"lastPassword"`
	Passwords      []passwordVersion   `json:"passwords,omitempty"`
	Type           sitesync.SiteType   `json:"type"`
	Hardware       sitesync.HardwareID `json:"hardware,omitempty"`
	Evidence       map[string]string   `json:"evidence,omitempty"`
	Test           bool                `json:"test,omitempty"`
	Weak           bool                `json:"weak,omitempty"`
	Version        string              `json:"version,omitempty"`
	Platform       string              `json:"platform,omitempty"`
	Replicas       []Replica           `json:"replicas,omitempty"` // the present one last
	Held           bool                `json:"held,omitempty"`
	Credentials    []credentialRecord  `json:"credentials,omitempty"` // in the order of issue
	LastCredential uint64              `json:"lastCredential"`
}

// Replica is a data directory that a site's device has had.
type Replica struct {
	ID    sitesync.ReplicaID `json:"id"`
	Since sitesync.Time      `json:"since"`
}

// HelloFacts is what a device says of itself when a session opens. It grants
// nothing.
type HelloFacts struct {
	Replica  sitesync.ReplicaID
	Type     sitesync.SiteType // standalone or mobile
	Version  string
	Platform string
	Evidence map[string]string // fact name -> hash of the fact
	Test     bool              // hardware facts from a file
	Weak     bool              // no strong hardware facts
	At       time.Time         // of the hello, by the hub's clock
	Window   time.Duration     // setting replica-window

	ByPassword bool // the session was opened with the site's password
}

// ReplicaStanding is how a replica stands to those its site had before.
type ReplicaStanding uint8

const (
	ReplicaFirst ReplicaStanding = 1
	ReplicaSame  ReplicaStanding = 2
	ReplicaNew   ReplicaStanding = 3
	ReplicaHeld  ReplicaStanding = 4 // the site is held: refuse the session with two_devices
)

const (
	mostReplicas  = 16 // remembered of a site
	mostEvidence  = 64 // facts
	mostFactBytes = 128
	mostTextRunes = 100
)

// Device remembers what a device said of itself and holds the site when it
// gets a second new replica within the window: two devices then share one
// identity. A replica is new when it is not the present one, known or not.
// Nothing is written when nothing has changed; the revision never grows.
// Errors: CodeNotFound, CodeInvalid.
func (r *Registry) Device(site sitesync.SiteID, f HelloFacts) (standing ReplicaStanding, err error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	err = r.edit(func(e *edit) error {
		state, err := e.stateOf(site)
		if err != nil {
			return err
		}
		if state.site == nil || state.site.ActiveHere {
			return noSite(Ref{ID: uint64(site)})
		}
		d := &state.device
		d.Type, d.Test, d.Weak = f.Type, f.Test, f.Weak
		d.Version, d.Platform = plain(f.Version), plain(f.Platform)
		d.Evidence = maps.Clone(f.Evidence)
		held := d.Held
		standing = d.meet(f.Replica, f.At, f.Window)
		if standing == ReplicaNew && f.ByPassword {
			d.replace(f.Replica)
		}
		if d.Held && !held {
			e.audit(deviceActor("site.two_devices", ""), sitesync.Audit{
				Site: &site, After: details{"replicas": d.Replicas}.json()})
		}
		return e.put(keyDevice(site), *d)
	})
	return standing, err
}

// meet takes a replica into the history.
func (d *deviceRecord) meet(replica sitesync.ReplicaID, at time.Time, window time.Duration) ReplicaStanding {
	n := len(d.Replicas)
	if n > 0 && d.Replicas[n-1].ID == replica {
		if d.Held {
			return ReplicaHeld
		}
		return ReplicaSame
	}
	// The first replica since the reset is not a new one.
	if n > 1 && at.Sub(d.Replicas[n-1].Since.Time) < window {
		d.Held = true
	}
	d.Replicas = append(d.Replicas, Replica{ID: replica, Since: sitesync.At(at)})
	if n+1 > mostReplicas {
		d.Replicas = d.Replicas[n+1-mostReplicas:]
	}
	switch {
	case d.Held:
		return ReplicaHeld
	case n == 0:
		return ReplicaFirst
	}
	return ReplicaNew
}

func (f *HelloFacts) check() error {
	invalid := func(field, what string) error {
		return sitesync.Errorf(sitesync.CodeInvalid, "update the agent", "%s", what).WithField(field)
	}
	switch {
	case f.Replica.IsZero():
		return invalid("replica", "the device named no replica")
	case f.Type != sitesync.TypeStandalone && f.Type != sitesync.TypeMobile:
		return invalid("type", "the device reported a type that is neither standalone nor mobile")
	case len(f.Evidence) > mostEvidence:
		return invalid("evidence", "the device sent too many hardware facts")
	}
	for name, fact := range f.Evidence {
		if len(name) > mostFactBytes || len(fact) > mostFactBytes {
			return invalid("evidence", "the device sent a hardware fact that is too long")
		}
	}
	return nil
}

// plain makes a short printable text of what a stranger wrote.
func plain(s string) string {
	if len(s) > 4*mostTextRunes {
		s = s[:4*mostTextRunes]
	}
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	if runes := []rune(s); len(runes) > mostTextRunes {
		return string(runes[:mostTextRunes])
	}
	return s
}

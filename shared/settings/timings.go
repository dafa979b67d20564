package settings

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"sitesync/shared/sitesync"
)

// Timings are the waiting times. Both programs accept all of them and ignore
// what does not concern them, so that one file or script can set both.
type Timings struct {
	Keepalive          time.Duration
	BackoffMin         time.Duration
	BackoffMax         time.Duration
	PullInterval       time.Duration
	RequestTimeout     time.Duration
	TombstoneRetention time.Duration
	PurgeAfter         time.Duration
	LeaseMargin        time.Duration
	ReplayMemory       time.Duration
	StatusInterval     time.Duration
	CredentialRetry    time.Duration
	ReplicaWindow      time.Duration
}

const (
	shortest = time.Millisecond
	longest  = 10 * 365 * 24 * time.Hour

	// MQTT counts the keep-alive in whole seconds of 16 bits.
	shortestKeepalive = time.Second
	longestKeepalive  = 65535 * time.Second
)

// Flags adds a flag for each waiting time, with its default, which t takes at
// once.
func (t *Timings) Flags(flags *pflag.FlagSet) {
	add := func(into *time.Duration, name string, value time.Duration, usage string) {
		between(flags, into, name, value, shortest, longest, usage)
	}
	between(flags, &t.Keepalive, "keepalive", 60*time.Second, shortestKeepalive, longestKeepalive,
		"MQTT keep-alive: a link that is silent for one and a half times as long is closed (Go duration, whole seconds)")
	add(&t.BackoffMin, "backoff-min", time.Second, "longest wait before the first attempt to connect again (Go duration)")
	add(&t.BackoffMax, "backoff-max", 5*time.Minute, "longest wait between attempts to connect; the waits double up to it (Go duration)")
	add(&t.PullInterval, "pull-interval", 15*time.Minute, "longest time between two looks for changes at the hub (Go duration)")
	add(&t.RequestTimeout, "request-timeout", 10*time.Second, "shortest wait for an answer before a request is repeated (Go duration)")
	add(&t.TombstoneRetention, "tombstone-retention", 90*24*time.Hour, "how long the hub remembers deletes for readers that were not there (Go duration)")
	add(&t.PurgeAfter, "purge-after", 7*24*time.Hour, "how long a device keeps a store that has moved away, once its new site is active (Go duration)")
	add(&t.LeaseMargin, "lease-margin", 5*time.Minute, "what the hub waits beyond a site's longest time offline before it takes a store over (Go duration)")
	add(&t.ReplayMemory, "replay-memory", 10*time.Minute, "how long the hub remembers commands, so that a repeated one is not done twice (Go duration)")
	add(&t.StatusInterval, "status-interval", 30*time.Second, "shortest time between two status messages of one site (Go duration)")
	add(&t.CredentialRetry, "credential-retry", 5*time.Minute, "time between two attempts of a device that the hub refused (Go duration)")
	add(&t.ReplicaWindow, "replica-window", 24*time.Hour, "a second new data directory of a site within this time holds the site (Go duration)")
}

// Check holds the waiting times against each other. Errors: usage.
func (t *Timings) Check() error {
	if t.BackoffMin > t.BackoffMax {
		return sitesync.Errorf(sitesync.CodeUsage, "make backoff-max the longer one",
			"backoff-min is %s and backoff-max is %s", t.BackoffMin, t.BackoffMax).WithField("backoff-max")
	}
	return nil
}

// bounded is a duration that refuses what is out of its range.
type bounded struct {
	into        *time.Duration
	least, most time.Duration
}

func between(flags *pflag.FlagSet, into *time.Duration, name string, value, least, most time.Duration, usage string) {
	*into = value
	flags.Var(&bounded{into, least, most}, name, usage)
}

func (b *bounded) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 90s, 15m or 24h", text)
	}
	if d < b.least || d > b.most {
		return fmt.Errorf("%s is not between %s and %s", text, b.least, b.most)
	}
	*b.into = d
	return nil
}

func (b *bounded) String() string {
	if b.into == nil { // the zero value, which pflag makes to see whether a default is one
		return ""
	}
	return b.into.String()
}

func (b *bounded) Type() string { return "duration" }

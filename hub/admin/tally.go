package admin

import (
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// Tally counts sites by their state, and the changes that their devices said
// they had not sent.
type Tally struct {
	States  map[sitesync.SiteState]int
	Behind  int // sites with a backlog
	Backlog uint64
}

// Tally goes through all sites, some milliseconds for 20,000 of them.
func (d *Dispatcher) Tally() Tally {
	t := Tally{States: map[sitesync.SiteState]int{}}
	d.Registry.Sites(func(site *registry.Site) bool {
		live := d.condition(site)
		t.States[state(site, &live)]++
		t.Backlog += live.Backlog
		if live.Backlog > 0 {
			t.Behind++
		}
		return false
	}, 0, 0)
	return t
}

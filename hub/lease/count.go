package lease

import "time"

// Counts tells how many sites' devices hold a lease, and how many of those have
// used three quarters of it, and all.
type Counts struct{ Held, Expiring, Over int }

// Counts counts, for those who watch the hub.
func (k *Keeper) Counts() (n Counts) {
	k.mu.Lock()
	all := make([]*grant, 0, len(k.sites))
	for _, g := range k.sites {
		all = append(all, g)
	}
	k.mu.Unlock()
	now := time.Now()
	for _, g := range all {
		g.mu.Lock()
		if g.sure() {
			n.Held++
			switch since := k.since(g); {
			case now.After(since.Add(g.lease.Time() + k.margin)):
				n.Over++
			case now.After(since.Add(g.lease.Time() * 3 / 4)):
				n.Expiring++
			}
		}
		g.mu.Unlock()
	}
	return n
}

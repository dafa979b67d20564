package handover

import "sitesync/shared/sitesync"

// Counts tells how many stores are in each phase, for those who watch the hub.
func (d *Driver) Counts() map[sitesync.Phase]int {
	d.owners.mu.RLock()
	defer d.owners.mu.RUnlock()
	n := map[sitesync.Phase]int{sitesync.PhaseActive: len(d.owners.byStore) - len(d.owners.underWay)}
	for _, store := range d.owners.underWay {
		if d.owners.byStore[store].draining {
			n[sitesync.PhaseDraining]++
		} else {
			n[sitesync.PhaseLoading]++
		}
	}
	return n
}

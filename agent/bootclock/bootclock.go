// Package bootclock tells the time since the device booted, sleep included, and
// names the boot: clocks that nobody can set.
package bootclock

import (
	"sync"
	"time"
)

// Now gives the time since the boot and the boot's name, "" where the system
// does not tell one. Two names are equal only for the same boot.
func Now() (boot string, since time.Duration) {
	since, ok := sinceBoot()
	if !ok {
		return "", 0
	}
	return bootID(), since
}

var bootID = sync.OnceValue(readBootID)

package agentd

import (
	"time"

	"sitesync/agent/bootclock"
	"sitesync/agent/localdb"
)

// moment is now, by the device's clocks.
func moment() localdb.Moment {
	boot, since := bootclock.Now()
	return localdb.Moment{Boot: boot, Since: since, Wall: time.Now()}
}

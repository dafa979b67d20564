package hwid

import "github.com/shirou/gopsutil/v3/host"

// gather relies on the UUID of the main board alone: every Mac has one of its
// own, and every user can read it. macOS draws the addresses of its adapters at
// random, and its built-in disk is a part of the board.
func gather(string) map[string]Fact {
	n := named{}
	id, err := host.HostID()
	if err != nil {
		n.put(kindProduct, unreadable(err))
		return n
	}
	n.put(kindProduct, known(id))
	return n
}

func osRelease() (name, version string) {
	_, _, version, err := host.PlatformInformation()
	if err != nil {
		return "macOS", ""
	}
	return "macOS", version
}

func isTablet(string) bool { return false }

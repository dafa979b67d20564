package hwid

import (
	"strings"

	"github.com/shirou/gopsutil/v3/host"
)

func gather(string) map[string]Fact {
	n := named{}
	if table, err := firmwareTable(); err != nil {
		n.put(kindProduct, unreadable(err))
		n.put(kindBoard, unreadable(err))
	} else {
		s := parseSMBIOS(table)
		n.put(kindProduct, known(s.productUUID))
		n.put(kindBoard, known(s.boardSerial))
	}
	if b, err := storageDescriptor(); err != nil {
		n.put(kindDisk, unreadable(err))
	} else {
		n.put(kindDisk, parseStorage(b))
	}
	if id, err := host.HostID(); err != nil {
		n.put(kindMachine, unreadable(err))
	} else {
		n.put(kindMachine, known(id))
	}
	adapters(n)
	return n
}

// osRelease leaves out the build, which Windows repeats after the version.
func osRelease() (name, version string) {
	name, _, version, err := host.PlatformInformation()
	if err != nil {
		return "", ""
	}
	version, _, _ = strings.Cut(version, " ")
	return name, version
}

func isTablet(string) bool {
	table, err := firmwareTable()
	return err == nil && isTabletChassis(parseSMBIOS(table).chassis)
}

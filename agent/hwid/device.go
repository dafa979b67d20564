package hwid

import (
	"fmt"
	"runtime"

	"github.com/shirou/gopsutil/v3/disk"

	"sitesync/shared/sitesync"
)

// maxPlatform is the longest Platform, in bytes.
const maxPlatform = 80

// Platform describes the system for the hub's operator, for example
// "linux/arm64 debian 12.5": at most 80 bytes, no control characters.
func Platform() string {
	return platform(osRelease())
}

func platform(name, version string) string {
	return clean(clip(clean(runtime.GOOS+"/"+runtime.GOARCH+" "+clean(clean(name)+" "+clean(version))), maxPlatform))
}

// DeviceType guesses what `--type auto` stands for: mobile for Android and
// tablets, standalone for all else.
func DeviceType() sitesync.SiteType {
	if isTablet("/") {
		return sitesync.TypeMobile
	}
	return sitesync.TypeStandalone
}

// isTabletChassis reports whether an SMBIOS chassis type is that of a
// hand-held (11), a tablet (30), a convertible (31) or a detachable (32).
func isTabletChassis(chassis int) bool {
	return chassis == 11 || chassis >= 30 && chassis <= 32
}

// DiskFree gives the bytes that an ordinary user can still write below dir.
func DiskFree(dir string) (uint64, error) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return usage.Free, nil
}

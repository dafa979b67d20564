// Package version says which version of sitesync this is.
package version

import "runtime/debug"

// Release is set by the build of a release: -ldflags "-X sitesync/shared/version.Release=1.2.3".
var Release = ""

// String is the release, else the commit the program was built from, else
// "dev".
func String() string {
	if Release != "" {
		return Release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}

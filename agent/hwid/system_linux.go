package hwid

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/host"
)

// propertyTime is how long Android's getprop may take.
const propertyTime = 3 * time.Second

// osRelease gives name and version of the distribution.
func osRelease() (name, version string) {
	if runtime.GOOS == "android" {
		return "", property("ro.build.version.release")
	}
	name, _, version, err := host.PlatformInformation()
	if err != nil {
		return "", ""
	}
	return name, version
}

// androidSerial makes a fact of the device's serial number, which Android
// since version 8 tells the shell and the system only.
func androidSerial() Fact {
	for _, name := range []string{"ro.serialno", "ro.boot.serialno"} {
		if fact := known(property(name)); fact.State != Absent {
			return fact
		}
	}
	return unreadable(errors.New("told to the system alone by Android"))
}

func property(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), propertyTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/system/bin/getprop", name).Output()
	if err != nil {
		return ""
	}
	return clean(string(out))
}

// isTablet asks the firmware. Where that says nothing, as on most ARM boards,
// a battery and a touch screen make a tablet.
func isTablet(root string) bool {
	t := newTree(root)
	if runtime.GOOS == "android" {
		return true
	}
	if chassis, err := strconv.Atoi(t.text(t.at("sys/class/dmi/id/chassis_type"))); err == nil {
		return isTabletChassis(chassis)
	}
	switch t.text(t.at("sys/firmware/devicetree/base/chassis-type")) {
	case "tablet", "handset", "convertible":
		return true
	case "":
		return t.hasBattery() && t.hasTouchScreen()
	}
	return false
}

// hasBattery leaves out the batteries of mice and pens.
func (t tree) hasBattery() bool {
	supplies, err := filepath.Glob(t.at("sys/class/power_supply/*"))
	if err != nil {
		return false
	}
	for _, s := range supplies {
		if t.text(s, "type") == "Battery" && t.text(s, "scope") != "Device" {
			return true
		}
	}
	return false
}

// hasTouchScreen looks for an input device that points directly at what it
// shows: bit 1 of its properties (INPUT_PROP_DIRECT).
func (t tree) hasTouchScreen() bool {
	inputs, err := filepath.Glob(t.at("sys/class/input/input*/properties"))
	if err != nil {
		return false
	}
	for _, file := range inputs {
		words := strings.Fields(t.text(file))
		if len(words) == 0 {
			continue
		}
		if bits, err := strconv.ParseUint(words[len(words)-1], 16, 64); err == nil && bits&2 != 0 {
			return true
		}
	}
	return false
}

package hwid

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// maxSystemFile bounds what is read of one file below /sys, /proc or /etc. The
// longest is the table of mounts.
const maxSystemFile = 4 << 20

// tree reads a Linux system below root, which tests replace. Paths given to
// its methods are complete.
type tree struct {
	root string
	read func(path string) ([]byte, error)
}

func newTree(root string) tree {
	return tree{root: cmp.Or(root, "/"), read: readFile}
}

func gather(root string) map[string]Fact {
	t := newTree(root)
	facts := t.facts()
	if runtime.GOOS == "android" && t.root == "/" {
		facts.put(kindBoard, androidSerial().guarded())
	}
	return facts
}

func (t tree) facts() named {
	n := named{}
	n.put(kindProduct, t.fact(t.at("sys/class/dmi/id/product_uuid")).guarded())
	n.put(kindBoard, t.fact(t.at("sys/class/dmi/id/board_serial")).guarded())
	n.put(kindDevicetree, t.fact(t.at("sys/firmware/devicetree/base/serial-number")))
	n.put(kindMachine, t.fact(t.at("etc/machine-id"), t.at("var/lib/dbus/machine-id")))
	n.put(kindDisk, t.systemDisk())
	t.adapters(n)
	return n
}

func (t tree) at(path ...string) string {
	return filepath.Join(t.root, filepath.Join(path...))
}

// fact makes a fact of the first of the files that says anything. When none
// does, one that cannot be read comes before one that is not there.
func (t tree) fact(paths ...string) Fact {
	var fact Fact
	for _, path := range paths {
		text, err := t.read(path)
		switch {
		case err == nil:
			if f := known(string(text)); f.State != Absent {
				return f
			}
		case !errors.Is(err, fs.ErrNotExist):
			fact = unreadable(err)
		}
	}
	return fact
}

// text gives what a file says, "" when it cannot be read.
func (t tree) text(path ...string) string {
	b, err := t.read(filepath.Join(path...))
	if err != nil {
		return ""
	}
	return clean(string(b))
}

// unplug tells why the device at path in sysfs is no part of this machine, ""
// when it is one: nothing is there but software, or it can be unplugged.
func (t tree) unplug(path string) string {
	_, below, _ := strings.Cut(path, "/sys/devices/")
	for _, part := range strings.Split(below, "/") {
		switch {
		case part == "virtual":
			return "no hardware behind it"
		case part == "bluetooth":
			return "a Bluetooth connection"
		case strings.HasPrefix(part, "usb") && strings.Trim(part[3:], "0123456789") == "":
			return "on USB, where it can be unplugged"
		}
	}
	for ; filepath.Base(path) != "devices" && len(path) > len(t.root); path = filepath.Dir(path) {
		if t.text(path, "removable") == "removable" {
			return "it can be unplugged"
		}
	}
	return ""
}

func exists(path ...string) bool {
	_, err := os.Lstat(filepath.Join(path...))
	return err == nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSystemFile))
}

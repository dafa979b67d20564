package hwid

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// machine is a made-up Linux system: a tree of files laid out as the kernel
// lays out /sys, links and all.
type machine struct {
	t    *testing.T
	root string
}

const (
	pci = "pci0000:00/0000:00:1f.6"
	usb = "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0"
)

// newMachine makes a desktop with one Ethernet card and one SATA disk. No two
// names give equal facts, but for the machine ID, which is that of the image.
func newMachine(t *testing.T, name string) machine {
	m := machine{t, t.TempDir()}
	hex := hexOf(name)
	m.file("sys/class/dmi/id/product_uuid", "4c4c4544-0042-3510-8052-"+hex+"\n")
	m.file("sys/class/dmi/id/board_serial", "/CN7016/"+hex+"/\n")
	m.file("sys/class/dmi/id/chassis_type", "3\n")
	m.file("etc/machine-id", "b08dfa6083e7567a1921a715000001fb\n")
	m.disk("S3Z8" + hex)
	m.adapter("enp0s31f6", pci, "00:1b:21:"+hex[:2]+":"+hex[2:4]+":"+hex[4:6])
	m.virtual("lo", "00:00:00:00:00:00")
	return m
}

// hexOf gives 12 hexadecimal digits of a name.
func hexOf(name string) string { return evidenceOf("test", name)[:12] }

func (m machine) file(path, text string) {
	m.t.Helper()
	m.ok(os.MkdirAll(filepath.Join(m.root, filepath.Dir(path)), 0o755))
	m.ok(os.WriteFile(filepath.Join(m.root, path), []byte(text), 0o644))
}

// link makes a link at path to target, both below the root.
func (m machine) link(path, target string) {
	m.t.Helper()
	m.ok(os.MkdirAll(filepath.Join(m.root, filepath.Dir(path)), 0o755))
	relative, err := filepath.Rel(filepath.Dir(path), target)
	m.ok(err)
	m.ok(os.Symlink(relative, filepath.Join(m.root, path)))
}

func (m machine) remove(paths ...string) {
	m.t.Helper()
	for _, path := range paths {
		m.ok(os.RemoveAll(filepath.Join(m.root, path)))
	}
}

func (m machine) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// disk makes the SATA disk sda, whose second partition holds the system.
func (m machine) disk(serial string) {
	m.t.Helper()
	m.remove("sys/devices/pci0000:00/ata1", "sys/block", "sys/dev", "sys/class/block")
	sda := "sys/devices/pci0000:00/ata1/block/sda"
	m.file(sda+"/device/vpd_pg80", "\x00\x80\x00\x14"+serial+strings.Repeat(" ", 20-len(serial)))
	m.file(sda+"/sda2/partition", "2\n")
	m.link("sys/block/sda", sda)
	m.link("sys/class/block/sda2", sda+"/sda2")
	m.link("sys/dev/block/8:2", sda+"/sda2")
	m.mounts("8:2 / / rw - ext4 /dev/sda2 rw")
}

// mounts writes the table of mounts, each as "8:2 / MOUNTPOINT rw - ext4 /dev/sda2 rw".
func (m machine) mounts(lines ...string) {
	m.t.Helper()
	text := "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	for _, line := range lines {
		text += "27 1 " + line + "\n"
	}
	m.file("proc/self/mountinfo", text)
}

// adapter makes a network adapter on the device at bus, below sys/devices.
func (m machine) adapter(name, bus, mac string) {
	m.t.Helper()
	dir := filepath.Join("sys/devices", bus, "net", name)
	m.file(dir+"/address", mac+"\n")
	m.file(dir+"/addr_assign_type", "0\n")
	m.link(dir+"/device", filepath.Join("sys/devices", bus))
	m.link("sys/class/net/"+name, dir)
}

// virtual makes a network adapter with no hardware behind it.
func (m machine) virtual(name, mac string) {
	m.t.Helper()
	dir := "sys/devices/virtual/net/" + name
	m.file(dir+"/address", mac+"\n")
	m.file(dir+"/addr_assign_type", "0\n")
	m.link("sys/class/net/"+name, dir)
}

func (m machine) unplugAdapter(name string) { m.t.Helper(); m.remove("sys/class/net/" + name) }

// asRoot gathers the facts of the machine as root sees them.
func (m machine) asRoot() Facts {
	return Facts{Named: newTree(m.root).facts(), Random: m.root}
}

// asUser gathers them as an ordinary user does, whom the kernel shows neither
// UUID nor serial number of the board. Tests may run as root, so the refusal
// is made up.
func (m machine) asUser() Facts {
	t := newTree(m.root)
	t.read = func(path string) ([]byte, error) {
		if strings.HasSuffix(path, "product_uuid") || strings.HasSuffix(path, "board_serial") {
			return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}
		}
		return readFile(path)
	}
	return Facts{Named: t.facts(), Random: m.root}
}

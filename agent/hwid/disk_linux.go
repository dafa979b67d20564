package hwid

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxStack bounds how many layers (encryption, volumes, RAID) are followed
// from a file system down to its disks.
const maxStack = 8

// systemMounts are where the system's disk is mounted, the best first: the
// second is for systems whose root is put together from an image.
var systemMounts = []string{"/", "/sysroot"}

// systemDisk makes a fact of the serial number of the disk that the system is
// on, Absent in a container. Of several disks the least serial number stands
// for all, whatever order they were found in.
func (t tree) systemDisk() Fact {
	var best Fact
	for _, disk := range disksBelow(t.systemDevice(), maxStack) {
		fact := t.diskSerial(disk)
		if best.State != Read && fact.State != Absent || fact.State == Read && fact.Value < best.Value {
			best = fact
		}
	}
	return best
}

// diskSerial makes a fact of the serial number of the disk at dir in sysfs. An
// SD or eMMC card has a number of 32 bits in device/serial; its whole register
// cid tells maker and model too. A SATA or SCSI disk has a page of vital
// product data.
func (t tree) diskSerial(dir string) Fact {
	if why := t.unplug(dir); why != "" {
		return ignored(why)
	}
	if fact := t.fact(filepath.Join(dir, "device/cid"), filepath.Join(dir, "device/serial")); fact.State != Absent {
		return fact
	}
	if fact := t.fact(filepath.Join(dir, "serial")); fact.State != Absent {
		return virtualSerial(fact)
	}
	page, err := t.read(filepath.Join(dir, "device/vpd_pg80"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Fact{}
	case err != nil:
		return unreadable(err)
	}
	return known(serialPage(page))
}

// virtualSerial judges the serial number of a virtual (virtio) disk. It is what
// the makers of the virtual machine wrote: the identifier of a volume, or just
// a name like rootfs, which tells nothing.
func virtualSerial(fact Fact) Fact {
	digits := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, fact.Value)
	if fact.State == Read && len(digits) < 4 {
		return ignored("the name of a virtual disk, not a serial number")
	}
	return fact
}

// serialPage gives the text of the SCSI page "unit serial number": four bytes
// of header, the last two the length, then the text.
func serialPage(b []byte) string {
	if len(b) < 4 {
		return ""
	}
	return string(b[4:min(len(b), 4+int(binary.BigEndian.Uint16(b[2:])))])
}

// systemDevice finds the block device that the system is mounted from: its
// directory in sysfs, or "". The number in the mount table leads to it; btrfs
// shows a made-up one, so the device's name is tried as well.
func (t tree) systemDevice() string {
	table := t.mounts()
	for _, point := range systemMounts {
		m, ok := table[point]
		if !ok {
			continue
		}
		if dir, err := filepath.EvalSymlinks(t.at("sys/dev/block", m.number)); err == nil {
			return dir
		}
		if !strings.HasPrefix(m.source, "/dev/") {
			continue
		}
		name := filepath.Base(m.source)
		if target, err := os.Readlink(t.at(m.source)); err == nil { // /dev/mapper/name -> ../dm-0
			name = filepath.Base(target)
		}
		if dir, err := filepath.EvalSymlinks(t.at("sys/class/block", name)); err == nil {
			return dir
		}
	}
	return ""
}

type mount struct{ number, source string }

// mounts reads the table of mounts, see proc_pid_mountinfo(5). Where one mount
// hides another, the later is the one in use.
func (t tree) mounts() map[string]mount {
	table := map[string]mount{}
	text, err := t.read(t.at("proc/self/mountinfo"))
	if err != nil {
		return table
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if len(where) >= 5 && len(what) >= 2 {
			table[where[4]] = mount{number: where[2], source: what[1]}
		}
	}
	return table
}

// disksBelow follows the block device at dir down to whole disks.
func disksBelow(dir string, layers int) []string {
	if dir == "" || layers == 0 {
		return nil
	}
	if exists(dir, "partition") {
		dir = filepath.Dir(dir)
	}
	slaves, err := os.ReadDir(filepath.Join(dir, "slaves"))
	if err != nil || len(slaves) == 0 {
		return []string{dir}
	}
	var disks []string
	for _, s := range slaves {
		if below, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", s.Name())); err == nil {
			disks = append(disks, disksBelow(below, layers-1)...)
		}
	}
	slices.Sort(disks)
	return slices.Compact(disks)
}

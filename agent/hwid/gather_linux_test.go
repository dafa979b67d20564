package hwid

import (
	"testing"

	"sitesync/shared/sitesync"
)

func TestGatherReadsATree(t *testing.T) {
	m := newMachine(t, "A")
	facts := Gather(m.root)
	hex := hexOf("A")
	for name, want := range map[string]Fact{
		"product_uuid":  {State: Read, Value: "4c4c4544-0042-3510-8052-" + hex, Guarded: true},
		"board_serial":  {State: Read, Value: "/cn7016/" + hex + "/", Guarded: true},
		"disk_serial":   {State: Read, Value: "s3z8" + hex},
		"mac:enp0s31f6": {State: Read, Value: "00:1b:21:" + hex[:2] + ":" + hex[2:4] + ":" + hex[4:6]},
		"machine_id":    {State: Read, Value: "b08dfa6083e7567a1921a715000001fb"},
		"mac:lo":        ignored("no hardware behind it"),
	} {
		if got := facts.Named[name]; got != want {
			t.Errorf("%s = %+v, want %+v", name, got, want)
		}
	}
	if len(facts.Named) != 6 || facts.Test {
		t.Errorf("Gather = %+v, want six facts of real hardware", facts)
	}
	if again := Gather(m.root); again.Random == facts.Random || len(facts.Random) < 26 {
		t.Errorf("Random = %q, then %q, want fresh randomness each time", facts.Random, again.Random)
	}
}

// The tree is the machine the tests run on: what it shows is unknown, that it
// can be read and identified twice alike is not.
func TestGatherReadsThisMachine(t *testing.T) {
	kept, _ := Identify(nil, Gather("/"))
	if again, d := Identify(&kept, Gather("")); !kept.ID.Valid() || again.ID != kept.ID || d.Verdict == OtherDevice {
		t.Errorf("this machine is %s, then %s: %+v", kept.ID, again.ID, d)
	}
}

func TestAdapters(t *testing.T) {
	const mac = "00:1b:21:aa:bb:cc"
	for name, test := range map[string]struct {
		make func(m machine)
		want Fact
	}{
		"PCI": {func(m machine) { m.adapter("x", pci, mac) }, known(mac)},
		"SDIO Wi-Fi": {func(m machine) {
			m.adapter("x", "platform/fe300000.mmcnr/mmc_host/mmc1/mmc1:0001/mmc1:0001:1", mac)
		}, known(mac)},
		"USB":                  {func(m machine) { m.adapter("x", usb, mac) }, ignored("on USB, where it can be unplugged")},
		"VPN, bridge, veth":    {func(m machine) { m.virtual("x", mac) }, ignored("no hardware behind it")},
		"simulated":            {func(m machine) { m.adapter("x", "virtual/mac80211_hwsim/hwsim0", mac) }, ignored("no hardware behind it")},
		"Bluetooth":            {func(m machine) { m.adapter("x", "platform/serial0/bluetooth/hci0/hci0:11", mac) }, ignored("a Bluetooth connection")},
		"locally administered": {func(m machine) { m.adapter("x", pci, "52:54:00:12:34:56") }, ignored("locally administered: made up by software")},
		"reference design":     {func(m machine) { m.adapter("x", pci, "00:90:4C:C5:12:38") }, ignored("not the address of one adapter")},
		"all zero":             {func(m machine) { m.adapter("x", pci, "00:00:00:00:00:00") }, ignored("what makers write when they give no number")},
		"Infiniband":           {func(m machine) { m.adapter("x", pci, mac+":dd:ee") }, ignored("not the address of an Ethernet or Wi-Fi adapter")},
		"no address":           {func(m machine) { m.adapter("x", pci, "") }, ignored("not the address of an Ethernet or Wi-Fi adapter")},
		"virtual function": {func(m machine) {
			m.adapter("x", pci, mac)
			m.link("sys/devices/"+pci+"/physfn", "sys/devices/pci0000:00/0000:00:1f.0")
		}, ignored("a part of another adapter, lent to virtual machines")},
		"Thunderbolt dock": {func(m machine) {
			m.adapter("x", "pci0000:00/0000:00:1d.0/0000:05:00.0", mac)
			m.file("sys/devices/pci0000:00/0000:00:1d.0/removable", "removable\n")
		}, ignored("it can be unplugged")},
		"set by software": {func(m machine) {
			m.adapter("x", pci, mac)
			m.file("sys/devices/"+pci+"/net/x/addr_assign_type", "3\n")
		}, ignored("its address was set by software")},
		"Wi-Fi with a drawn address": {func(m machine) {
			m.adapter("x", pci, "a2:11:22:33:44:55")
			m.file("sys/devices/"+pci+"/net/x/addr_assign_type", "3\n")
			m.file("sys/devices/"+pci+"/ieee80211/phy0/macaddress", mac+"\n")
			m.link("sys/devices/"+pci+"/net/x/phy80211", "sys/devices/"+pci+"/ieee80211/phy0")
		}, known(mac)},
	} {
		m := machine{t, t.TempDir()}
		test.make(m)
		if got := Gather(m.root).Named["mac:x"]; got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestSystemDisk(t *testing.T) {
	const nvme = "sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1"
	for name, test := range map[string]struct {
		make func(m machine)
		want Fact
	}{
		"SATA": {func(m machine) { m.disk("WD-1234") }, known("wd-1234")},
		"NVMe under LVM under LUKS": {func(m machine) {
			m.file(nvme+"/nvme0n1p3/partition", "3\n")
			m.file(nvme+"/device/serial", "S4EVNX0N123456      \n")
			m.link("sys/devices/virtual/block/dm-0/slaves/nvme0n1p3", nvme+"/nvme0n1p3")
			m.link("sys/devices/virtual/block/dm-1/slaves/dm-0", "sys/devices/virtual/block/dm-0")
			m.link("sys/dev/block/253:1", "sys/devices/virtual/block/dm-1")
			m.mounts("253:1 / / rw - ext4 /dev/mapper/vg-root rw")
		}, known("s4evnx0n123456")},
		"btrfs, by the name of a mapped device": {func(m machine) {
			m.file(nvme+"/device/serial", "S4EVNX0N123456\n")
			m.link("sys/devices/virtual/block/dm-0/slaves/nvme0n1", nvme)
			m.link("sys/class/block/dm-0", "sys/devices/virtual/block/dm-0")
			m.link("dev/mapper/root", "dev/dm-0")
			m.mounts("0:35 /@ / rw - btrfs /dev/mapper/root rw")
		}, known("s4evnx0n123456")},
		"RAID, the least of two": {func(m machine) {
			for disk, serial := range map[string]string{"sda": "ZZ11", "sdb": "AA22"} {
				m.file("sys/devices/ata/"+disk+"/device/serial", serial)
				m.link("sys/devices/virtual/block/md0/slaves/"+disk, "sys/devices/ata/"+disk)
			}
			m.link("sys/dev/block/9:0", "sys/devices/virtual/block/md0")
			m.mounts("9:0 / / rw - ext4 /dev/md0 rw")
		}, known("aa22")},
		"SD card, its whole register": {func(m machine) {
			card := "sys/devices/platform/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0"
			m.file(card+"/device/cid", "035344534333324780a1b2c3d4014100\n")
			m.file(card+"/device/serial", "0xa1b2c3d4\n")
			m.link("sys/dev/block/179:2", card)
			m.mounts("179:2 / / rw - ext4 /dev/root rw")
		}, known("035344534333324780a1b2c3d4014100")},
		"the later mount of the root": {func(m machine) {
			m.disk("WD-1234")
			m.mounts("0:2 / / rw - rootfs rootfs rw", "8:2 / / rw - ext4 /dev/sda2 rw")
		}, known("wd-1234")},
		"a root put together from an image": {func(m machine) {
			m.disk("WD-1234")
			m.mounts("0:40 / / rw - overlay composefs rw", "8:2 / /sysroot rw - ext4 /dev/sda2 rw")
		}, known("wd-1234")},
		"container": {func(m machine) { m.disk("WD-1234"); m.mounts("0:40 / / rw - overlay overlay rw") }, Fact{}},
		"USB stick": {func(m machine) {
			m.file("sys/devices/"+usb+"/block/sda/device/serial", "AA04012700010")
			m.link("sys/dev/block/8:0", "sys/devices/"+usb+"/block/sda")
			m.mounts("8:0 / / rw - ext4 /dev/sda rw")
		}, ignored("on USB, where it can be unplugged")},
		"volume of a cloud":  {func(m machine) { m.virtio("7c4a8d09-ca37-4a3e-9") }, known("7c4a8d09-ca37-4a3e-9")},
		"named virtual disk": {func(m machine) { m.virtio("rootfs") }, ignored("the name of a virtual disk, not a serial number")},
		"emulated disk":      {func(m machine) { m.disk("QM00001") }, ignored("what makers write when they give no number")},
	} {
		m := machine{t, t.TempDir()}
		test.make(m)
		if got := Gather(m.root).Named["disk_serial"]; got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func (m machine) virtio(serial string) {
	m.file("sys/devices/pci0000:00/virtio1/block/vda/serial", serial)
	m.link("sys/dev/block/254:0", "sys/devices/pci0000:00/virtio1/block/vda")
	m.mounts("254:0 / / rw - ext4 /dev/vda rw")
}

func TestUnreadableIsNotAbsent(t *testing.T) {
	user := newMachine(t, "A").asUser()
	want := Fact{State: Unreadable, Why: "this user may not read it", Guarded: true}
	if got := user.Named["product_uuid"]; got != want {
		t.Errorf("product_uuid = %+v, want %+v", got, want)
	}
	if got, ok := user.Named["devicetree_serial"]; ok {
		t.Errorf("devicetree_serial = %+v on a machine that has none", got)
	}
}

func TestDeviceTypeOfATree(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"nothing known": {nil, false},
		"desktop":       {map[string]string{"sys/class/dmi/id/chassis_type": "3\n"}, false},
		"tablet":        {map[string]string{"sys/class/dmi/id/chassis_type": "30\n"}, true},
		"detachable":    {map[string]string{"sys/class/dmi/id/chassis_type": "32\n"}, true},
		"laptop with a touch screen": {map[string]string{
			"sys/class/dmi/id/chassis_type":     "10\n",
			"sys/class/power_supply/BAT0/type":  "Battery\n",
			"sys/class/input/input7/properties": "2\n",
		}, false},
		"ARM tablet by device tree": {map[string]string{"sys/firmware/devicetree/base/chassis-type": "tablet\x00"}, true},
		"ARM laptop by device tree": {map[string]string{"sys/firmware/devicetree/base/chassis-type": "laptop\x00"}, false},
		"ARM board with battery and touch screen": {map[string]string{
			"sys/class/power_supply/axp20x-battery/type": "Battery\n",
			"sys/class/input/input0/properties":          "0\n",
			"sys/class/input/input1/properties":          "1 2\n",
		}, true},
		"ARM board with a wireless pen": {map[string]string{
			"sys/class/power_supply/pen/type":   "Battery\n",
			"sys/class/power_supply/pen/scope":  "Device\n",
			"sys/class/input/input1/properties": "2\n",
		}, false},
	} {
		m := machine{t, t.TempDir()}
		for path, text := range test.files {
			m.file(path, text)
		}
		if got := isTablet(m.root); got != test.want {
			t.Errorf("%s: isTablet = %v", name, got)
		}
	}
	if got := DeviceType(); got != sitesync.TypeMobile && got != sitesync.TypeStandalone {
		t.Errorf("DeviceType = %q", got)
	}
}

package hwid

import (
	"testing"

	"sitesync/shared/sitesync"
)

// Each test here is a story of devices, told from the files up.

func first(t *testing.T, facts Facts) Kept {
	t.Helper()
	kept, d := Identify(nil, facts)
	if d.Verdict != First || !kept.ID.Valid() {
		t.Fatalf("first start: %s, %+v", kept.ID, d)
	}
	return kept
}

// later identifies the facts against what was kept, and checks the verdict.
func later(t *testing.T, kept Kept, facts Facts, want Verdict) Kept {
	t.Helper()
	next, d := Identify(&kept, facts)
	if d.Verdict != want {
		t.Errorf("verdict %s, want %s: %+v", d.Verdict, want, d)
	}
	if stays := want == Same || want == MostlySame; (next.ID == kept.ID) != stays {
		t.Errorf("%s: the ID went from %s to %s", d.Verdict, kept.ID, next.ID)
	}
	return next
}

func TestSameImageOnTwoMachines(t *testing.T) {
	a, b := newMachine(t, "A"), newMachine(t, "B")
	if idA, idB := first(t, a.asUser()).ID, first(t, b.asUser()).ID; idA == idB {
		t.Errorf("two machines of one image are both %s", idA)
	}
}

func TestFreshDirectoriesOfRootAndUser(t *testing.T) {
	m := newMachine(t, "A")
	if root, user := first(t, m.asRoot()).ID, first(t, m.asUser()).ID; root != user {
		t.Errorf("root has %s, a user %s", root, user)
	}
}

func TestRootAndUserByTurns(t *testing.T) {
	m := newMachine(t, "A")
	kept := first(t, m.asUser())
	kept = later(t, kept, m.asRoot(), Same)
	if kept.Evidence["product_uuid"] == "" || kept.Evidence["board_serial"] == "" {
		t.Errorf("root's facts did not become evidence: %v", kept.Evidence)
	}
	after := later(t, kept, m.asUser(), Same)
	if after.Evidence["product_uuid"] != kept.Evidence["product_uuid"] {
		t.Error("a user's start lost root's evidence")
	}
}

// A virtual machine may show nothing strong but its UUID, and that to root.
func TestOnlyRootsFactsAreStrong(t *testing.T) {
	m := newMachine(t, "A")
	m.unplugAdapter("enp0s31f6")
	m.mounts()
	kept := first(t, m.asRoot())
	if kept.Weak() {
		t.Errorf("an ID from root's facts is weak: %v", kept.Evidence)
	}
	kept = later(t, kept, m.asUser(), Same)
	m.remove("etc/machine-id")
	kept = later(t, kept, m.asUser(), MostlySame)
	later(t, kept, m.asRoot(), MostlySame)
}

func TestChangedNetworkCard(t *testing.T) {
	for name, see := range map[string]func(machine) Facts{"root": machine.asRoot, "user": machine.asUser} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "A")
			kept := first(t, see(m))
			m.unplugAdapter("enp0s31f6")
			m.adapter("enp4s0", "pci0000:00/0000:04:00.0", "00:e0:4c:12:34:56")
			after := later(t, kept, see(m), MostlySame)
			if _, there := after.Evidence["mac:enp0s31f6"]; there || after.Evidence["mac:enp4s0"] == "" {
				t.Errorf("the evidence still names the old card: %v", after.Evidence)
			}
			later(t, after, see(m), Same)
		})
	}
}

func TestChangedDiskWithTheSystemCopied(t *testing.T) {
	m := newMachine(t, "A")
	kept := first(t, m.asUser())
	m.disk("CT500MX500-99")
	later(t, later(t, kept, m.asUser(), MostlySame), m.asUser(), Same)
}

func TestSystemInstalledAgain(t *testing.T) {
	m := newMachine(t, "A")
	kept := first(t, m.asUser())
	m.file("etc/machine-id", "ffffeeeeddddccccbbbbaaaa99998888\n")
	later(t, later(t, kept, m.asUser(), MostlySame), m.asUser(), Same)
	if fresh := first(t, m.asUser()); fresh.ID != kept.ID {
		t.Errorf("a fresh data directory has %s, not %s, after a new installation", fresh.ID, kept.ID)
	}
}

func TestTwoCardsAndTheDiskChanged(t *testing.T) {
	m := newMachine(t, "A")
	m.adapter("wlp2s0", "pci0000:00/0000:02:00.0", "a4:34:d9:00:00:01")
	kept := first(t, m.asRoot())
	m.adapter("enp5s0", "pci0000:00/0000:05:00.0", "00:e0:4c:00:00:01")
	m.adapter("wlp6s0", "pci0000:00/0000:06:00.0", "a4:34:d9:00:00:02")
	m.unplugAdapter("enp0s31f6")
	later(t, kept, m.asRoot(), MostlySame) // one is still there
	m.unplugAdapter("wlp2s0")
	later(t, kept, m.asRoot(), MostlySame)
	m.disk("CT500MX500-99")
	later(t, kept, m.asRoot(), OtherDevice)
	later(t, kept, m.asUser(), OtherDevice)
}

func TestAdapterUnderANewName(t *testing.T) {
	m := newMachine(t, "A")
	kept := first(t, m.asUser())
	m.unplugAdapter("enp0s31f6")
	hex := hexOf("A")
	m.adapter("eth0", "pci0000:00/0000:00:1f.7", "00:1b:21:"+hex[:2]+":"+hex[2:4]+":"+hex[4:6])
	after := later(t, kept, m.asUser(), Same)
	if len(after.Evidence) != len(kept.Evidence) {
		t.Errorf("one card is in the evidence twice: %v", after.Evidence)
	}
}

// Services start before Wi-Fi drivers have loaded their firmware.
func TestAdapterNotYetThere(t *testing.T) {
	m := newMachine(t, "A")
	m.mounts()
	kept := first(t, m.asUser())
	m.unplugAdapter("enp0s31f6")
	after := later(t, kept, m.asUser(), MostlySame)
	if after.Evidence["mac:enp0s31f6"] == "" {
		t.Errorf("the evidence of the adapter is lost: %v", after.Evidence)
	}
}

func TestThingsPluggedIn(t *testing.T) {
	m := newMachine(t, "A")
	kept := first(t, m.asUser())
	m.adapter("enx00e04c000001", usb, "00:e0:4c:00:00:01")
	for _, name := range []string{"tun0", "wg0", "docker0", "veth1a2b3c", "br0"} {
		m.virtual(name, "00:1b:21:99:99:99")
	}
	after := later(t, kept, m.asUser(), Same)
	if len(after.Evidence) != len(kept.Evidence) {
		t.Errorf("they became evidence: %v", after.Evidence)
	}
	if fresh := first(t, m.asUser()); fresh.ID != kept.ID {
		t.Errorf("they changed a fresh ID from %s to %s", kept.ID, fresh.ID)
	}
}

func TestCopiedDataDirectory(t *testing.T) {
	a, b := newMachine(t, "A"), newMachine(t, "B") // equal machine IDs: copied with the whole image
	for _, see := range []func(machine) Facts{machine.asRoot, machine.asUser} {
		kept := first(t, see(a))
		copied := later(t, kept, see(b), OtherDevice)
		if own := first(t, see(b)); copied.ID != own.ID {
			t.Errorf("B is %s by a copied directory, %s by its own", copied.ID, own.ID)
		}
		if back := later(t, copied, see(a), OtherDevice); back.ID != kept.ID {
			t.Errorf("back on A the ID is %s, was %s", back.ID, kept.ID)
		}
	}
	c := newMachine(t, "C") // nothing in common, and nothing to read
	c.remove("sys", "etc")
	later(t, first(t, a.asRoot()), c.asRoot(), OtherDevice)
}

// Cheap tablets come in batches with one UUID and one board serial.
func TestCopiedWithinABatchOfEqualBoards(t *testing.T) {
	a, b := newMachine(t, "A"), newMachine(t, "B")
	for _, m := range []machine{a, b} {
		m.file("sys/class/dmi/id/product_uuid", "8e275844-178f-44a8-aceb-a7d7e5178c63\n")
		m.file("sys/class/dmi/id/board_serial", "BATCH-2024-07\n")
	}
	later(t, first(t, a.asRoot()), b.asRoot(), OtherDevice)
}

func TestNothingToRead(t *testing.T) {
	container := func() machine {
		m := machine{t, t.TempDir()}
		m.virtual("eth0", "02:42:ac:11:00:02")
		m.mounts("0:40 / / rw - overlay overlay rw")
		m.file("etc/machine-id", "b08dfa6083e7567a1921a715000001fb\n")
		return m
	}
	a, b := container(), container()
	kept, d := Identify(nil, a.asRoot())
	if !d.Weak || !kept.Weak() {
		t.Errorf("the ID of a container is not weak: %+v", d)
	}
	if other := first(t, b.asRoot()); other.ID == kept.ID {
		t.Errorf("two data directories are both %s", kept.ID)
	}
	facts := a.asRoot()
	facts.Random = "drawn at the next start"
	kept = later(t, kept, facts, Same)
	a.file("etc/machine-id", "ffffeeeeddddccccbbbbaaaa99998888\n")
	kept = later(t, kept, a.asRoot(), MostlySame)

	a.adapter("eth1", pci, "00:1b:21:00:00:01") // a strong fact ties the ID down
	kept = later(t, kept, a.asRoot(), Same)
	if kept.Weak() {
		t.Errorf("still weak with %v", kept.Evidence)
	}
	b.adapter("eth1", pci, "00:1b:21:00:00:02")
	later(t, kept, b.asRoot(), OtherDevice)
}

func TestPlaceholdersAreNoFacts(t *testing.T) {
	board := func(random string, files map[string]string) sitesync.HardwareID {
		m := machine{t, t.TempDir()}
		for path, text := range files {
			m.file(path, text)
		}
		m.adapter("eth0", pci, "00:1b:21:00:00:01")
		return first(t, m.asRoot()).ID
	}
	want := board("a", nil)
	for _, text := range []string{"To Be Filled By O.E.M.", "Default string", "None", "00000000-0000-0000-0000-000000000000",
		"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "03000200-0400-0500-0006-000700080009", "0123456789", "FFFFFFFF", "xxxxxxx", "........", " \n"} {
		got := board("b", map[string]string{
			"sys/class/dmi/id/product_uuid":              text,
			"sys/class/dmi/id/board_serial":              text,
			"sys/firmware/devicetree/base/serial-number": text + "\x00",
		})
		if got != want {
			t.Errorf("%q is taken for a fact", text)
		}
	}
}

func TestRaspberryPi(t *testing.T) {
	pi := func(serial, cid string) machine {
		m := machine{t, t.TempDir()}
		m.file("sys/firmware/devicetree/base/serial-number", serial+"\x00")
		card := "sys/devices/platform/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0"
		m.file(card+"/device/cid", cid+"\n")
		m.file(card+"/mmcblk0p2/partition", "2\n")
		m.link("sys/dev/block/179:2", card+"/mmcblk0p2")
		m.mounts("179:2 / / rw - ext4 /dev/root rw")
		m.adapter("eth0", "platform/scb/fd580000.ethernet", "dc:a6:32:"+serial[:2]+":"+serial[2:4]+":"+serial[4:6])
		m.file("etc/machine-id", "b08dfa6083e7567a1921a715000001fb\n")
		return m
	}
	const card1, card2 = "035344534333324780a1b2c3d4014100", "1b534d30303030301000aabbcc0151fe"
	kept := first(t, pi("10000000a3f2c4d1", card1).asUser())
	later(t, kept, pi("10000000a3f2c4d1", card2).asUser(), MostlySame)  // the card wore out and was copied
	later(t, kept, pi("223344550b16c8e2", card1).asUser(), OtherDevice) // the card moved to another board
}

// Package hwid tells which physical device the agent runs on. It is the only
// importer of gopsutil.
//
// # Facts
//
// A fact is a name and a value that comes with the hardware. [Gather] finds:
//
//	devicetree_serial  serial number of an ARM board (device tree)
//	disk_serial        serial number of the disk that holds the system
//	mac:ADAPTER        permanent MAC address of a built-in adapter
//	product_uuid       SMBIOS system UUID; macOS: IOPlatformUUID
//	board_serial       SMBIOS board serial number; Android: ro.serialno
//	machine_id         /etc/machine-id; Windows: MachineGuid
//
// What follows a colon only tells facts of one kind apart. A value is its UTF-8
// text without control characters and surrounding spaces, its ASCII letters in
// lower case, 1 to 256 bytes. What makers leave in place of a serial number is
// no fact, nor are names given to virtual disks, addresses that software made
// up (locally administered, random, set by hand), and whatever can be unplugged
// or has no hardware behind it: USB and Thunderbolt adapters, VPNs, bridges,
// containers' adapters, disks on USB. The boot ID is never used, nor on Linux
// gopsutil's host ID, which is another for root than for a user and the same on
// every tablet of one image.
//
// # The ID
//
// The ID is derived once and kept in the data directory. It is
//
//	SHA-256("sitesync hardware id v1\n" KIND "=" VALUE "\n" …)
//
// over the strong facts (all but machine_id) that every user of the device can
// read, as lines in byte order, each once. On Linux and Android that leaves out
// product_uuid and board_serial, which only root can read, so that root and a
// user get the same ID in fresh data directories. These two are used when there
// is nothing else; where there is nothing at all, a random text takes the place
// of the facts (kind "random"). [sitesync.NewHardwareID] turns the hash into characters.
// testdata/vectors.json has examples.
//
// # Evidence
//
// With the ID are kept, as evidence, hashes of all facts, those of root too:
// the first 8 bytes of SHA-256("sitesync fact v1\n" KIND "=" VALUE "\n"), in
// hexadecimal. At each start the facts are compared with it, kind by kind:
//
//   - matched: a value of the kind is among those kept;
//   - changed: values were read, and none is among those kept;
//   - anything else (not readable for this user, a driver not yet loaded, a
//     kind never seen before) counts for neither side.
//
// The ID stays when something matched and the matched kinds weigh at least as
// much as the changed ones (the weights are in facts.go), or when none changed
// and the rest cannot be read. Then the evidence is brought up to date, so a
// device may change part by part. Else this is another device, which gets an
// ID of its own.
//
// So a changed network card, a changed disk or a new machine ID keeps the ID,
// each alone. A copied data directory gets a new one, on a device installed
// from the same image too, if that shows any of the kinds known before: a
// machine ID alone outweighs none of them. A disk that moves into another
// computer, data directory and all, looks to a user like a changed network card
// and keeps its ID (there is still only one of it); root sees that the board is
// another.
//
// # Nothing to read
//
// Containers, many virtual machines, and applications on Android, where the
// system keeps every serial number and address to itself, show no strong fact.
// Their ID is random and lives as long as its data directory, whatever the
// machine ID does. It is called weak, because a copy of the directory has it
// too; the first strong fact that can be read ties it to its device.
//
// # Test hardware
//
// [Load] reads facts from a file, for tests and demonstrations. Such facts
// never continue the ID of a real device, nor real facts that of a test device.
package hwid

package hwid

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// adapters adds a fact for each network adapter.
func (t tree) adapters(n named) {
	entries, err := os.ReadDir(t.at("sys/class/net"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.put(kindMAC, unreadable(err))
	}
	for _, entry := range entries {
		n.put(kindMAC+":"+entry.Name(), t.adapter(t.at("sys/class/net", entry.Name())))
	}
}

// adapter makes a fact of the permanent address of the adapter at dir. Wi-Fi
// keeps it apart from the address in use, which many systems draw at random;
// elsewhere the address in use is the permanent one if nobody has set it.
func (t tree) adapter(dir string) Fact {
	device, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
	if errors.Is(err, fs.ErrNotExist) {
		return ignored("no hardware behind it")
	}
	if err != nil {
		return unreadable(err)
	}
	if why := t.unplug(device); why != "" {
		return ignored(why)
	}
	if exists(device, "physfn") {
		return ignored("a part of another adapter, lent to virtual machines")
	}
	file := filepath.Join(dir, "phy80211", "macaddress")
	if !exists(file) {
		file = filepath.Join(dir, "address")
		if assigned := t.text(dir, "addr_assign_type"); assigned != "" && assigned != "0" {
			return ignored("its address was set by software")
		}
	}
	text, err := t.read(file)
	if err != nil {
		return unreadable(err)
	}
	mac, err := net.ParseMAC(clean(string(text)))
	if err != nil {
		return ignored("not the address of an Ethernet or Wi-Fi adapter")
	}
	return address(mac)
}

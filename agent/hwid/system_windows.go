package hwid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// The calls that golang.org/x/sys does not have. Each works for every user, on
// every Windows that Go runs on.
var (
	procFirmwareTable = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")
	procIfEntry       = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetIfEntry2")
)

const (
	providerSMBIOS  = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	rawSMBIOSHeader = 8 // of RawSMBIOSData, before the table
	maxFirmware     = 1 << 20

	ioctlStorageQueryProperty = 0x2d1400
	hardwareInterface         = 1 // bit of MIB_IF_ROW2.InterfaceAndOperStatusFlags

	networkKey = `SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}\`
)

// firmwareTable reads the SMBIOS table.
func firmwareTable() ([]byte, error) {
	size, _, err := procFirmwareTable.Call(providerSMBIOS, 0, 0, 0)
	if size < rawSMBIOSHeader || size > maxFirmware {
		return nil, fmt.Errorf("firmware table of %d bytes: %w", size, err)
	}
	b := make([]byte, size)
	n, _, err := procFirmwareTable.Call(providerSMBIOS, 0, uintptr(unsafe.Pointer(&b[0])), size)
	if n < rawSMBIOSHeader || n > size {
		return nil, fmt.Errorf("firmware table: %w", err)
	}
	length := binary.LittleEndian.Uint32(b[4:])
	return b[rawSMBIOSHeader:min(uint64(n), rawSMBIOSHeader+uint64(length))], nil
}

// storageDescriptor asks the disk that Windows is on to describe itself. The
// handle has no right to read or write, so no administrator is needed.
func storageDescriptor() ([]byte, error) {
	system, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return nil, err
	}
	volume, err := windows.UTF16PtrFromString(`\\.\` + filepath.VolumeName(system))
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(volume, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(h)
	var n uint32
	query := make([]byte, 12) // STORAGE_PROPERTY_QUERY: StorageDeviceProperty, PropertyStandardQuery
	b := make([]byte, 4096)
	err = windows.DeviceIoControl(h, ioctlStorageQueryProperty, &query[0], uint32(len(query)), &b[0], uint32(len(b)), &n, nil)
	if err != nil {
		return nil, err
	}
	return b[:min(int(n), len(b))], nil
}

// adapters adds a fact for each network adapter.
func adapters(n named) {
	all, err := net.Interfaces()
	if err != nil {
		n.put(kindMAC, unreadable(err))
	}
	for _, i := range all {
		n.put(kindMAC+":"+i.Name, adapter(i.Index))
	}
}

// adapter makes a fact of the permanent address of an adapter.
func adapter(index int) Fact {
	row := windows.MibIfRow2{InterfaceIndex: uint32(index)}
	if code, _, _ := procIfEntry.Call(uintptr(unsafe.Pointer(&row))); code != 0 {
		return unreadable(windows.Errno(code))
	}
	if row.InterfaceAndOperStatusFlags&hardwareInterface == 0 {
		return ignored("no hardware behind it")
	}
	bus, err := busOf(row.InterfaceGuid)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return ignored("no hardware behind it")
	case err != nil:
		return unreadable(err)
	case bus == "USB":
		return ignored("on USB, where it can be unplugged")
	case bus == "BTH":
		return ignored("a Bluetooth connection")
	case bus == "ROOT", bus == "SWD":
		return ignored("no hardware behind it")
	}
	return address(row.PermanentPhysicalAddress[:min(row.PhysicalAddressLength, windows.IF_MAX_PHYS_ADDRESS_LENGTH)])
}

// busOf tells how an adapter is attached: the part of its device's name before
// the first backslash, such as PCI or USB.
func busOf(adapter windows.GUID) (string, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, networkKey+adapter.String()+`\Connection`, registry.QUERY_VALUE)
	if err != nil {
		return "", err
	}
	defer key.Close()
	name, _, err := key.GetStringValue("PnpInstanceID")
	if err != nil {
		return "", err
	}
	bus, _, _ := strings.Cut(name, `\`)
	return strings.ToUpper(bus), nil
}

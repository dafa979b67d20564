package hwid

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sitesync/shared/sitesync"
)

// weights says what each kind of fact counts for when facts are compared with
// the kept evidence. Disk and addresses are individual even where a maker gave
// a whole batch one UUID and one board serial, so two of them outweigh those
// two together with the machine ID. One of them is worth another.
var weights = map[string]int{
	kindDevicetree: 4,
	kindDisk:       4,
	kindMAC:        4,
	kindProduct:    3,
	kindBoard:      2,
	kindMachine:    1,
}

const (
	kindDevicetree = "devicetree_serial"
	kindDisk       = "disk_serial"
	kindMAC        = "mac"
	kindProduct    = "product_uuid"
	kindBoard      = "board_serial"
	kindMachine    = "machine_id"

	otherWeight  = 4 // of a kind that only a file of facts has
	strongWeight = 2 // from here on a fact differs between devices of one image

	maxName  = 64  // bytes
	maxValue = 256 // bytes
)

// State says what came of looking for a fact.
type State uint8

const (
	Absent     State = 0 // there is no such thing on this device
	Read       State = 1
	Unreadable State = 2 // it is there, and this process cannot read it
	Ignored    State = 3 // it was read, and says nothing about the hardware
)

// Fact is one thing known about the device.
type Fact struct {
	State   State
	Value   string // when Read, as the package doc says
	Why     string // when Unreadable or Ignored: the reason, for a person
	Guarded bool   // ordinary users of the device cannot read it
}

// Facts is what is known about the device at one moment.
type Facts struct {
	Named  map[string]Fact // none is Absent
	Random string          // drawn afresh; the ID of a device without strong facts comes from it
	Test   bool            // from a file, not from the hardware
}

// Gather looks for the facts of this device. On Linux and Android root is the
// directory that holds /sys, /proc and /etc, usually "/"; elsewhere it is
// not used. It may start a program of the system and take seconds.
func Gather(root string) Facts {
	return Facts{Named: gather(root), Random: rand.Text()}
}

// named collects facts.
type named map[string]Fact

func (n named) put(name string, fact Fact) {
	if fact.State != Absent {
		n[clip(clean(name), maxName)] = fact
	}
}

// known makes a fact of what was read: Absent when it is empty, Ignored when
// it is a placeholder.
func known(raw string) Fact {
	value := asciiLower(clean(raw))
	switch {
	case value == "":
		return Fact{}
	case len(value) > maxValue:
		return ignored("longer than any serial number")
	case isPlaceholder(value):
		return ignored("what makers write when they give no number")
	}
	return Fact{State: Read, Value: value}
}

// address makes a fact of the permanent address of a network adapter.
func address(mac net.HardwareAddr) Fact {
	switch {
	case len(mac) != 6:
		return ignored("not the address of an Ethernet or Wi-Fi adapter")
	case mac[0]&2 != 0:
		return ignored("locally administered: made up by software")
	case mac[0]&1 != 0, slices.Contains(sharedAddresses, mac.String()):
		return ignored("not the address of one adapter")
	}
	return known(mac.String())
}

func ignored(why string) Fact { return Fact{State: Ignored, Why: why} }

func unreadable(err error) Fact {
	if errors.Is(err, fs.ErrPermission) {
		return Fact{State: Unreadable, Why: "this user may not read it"}
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return Fact{State: Unreadable, Why: "cannot be read: " + err.Error()}
}

// guarded marks f as one that ordinary users of the device cannot read.
func (f Fact) guarded() Fact { f.Guarded = true; return f }

func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	return kind
}

func weightOf(kind string) int {
	if w, ok := weights[kind]; ok {
		return w
	}
	return otherWeight
}

func isStrong(name string) bool { return weightOf(kindOf(name)) >= strongWeight }

// evidence gives the hashes of all facts that were read.
func (f Facts) evidence() map[string]string {
	hashes := map[string]string{}
	for name, fact := range f.Named {
		if fact.State == Read {
			hashes[name] = evidenceOf(name, fact.Value)
		}
	}
	return hashes
}

func evidenceOf(name, value string) string {
	sum := sha256.Sum256([]byte("sitesync fact v1\n" + kindOf(name) + "=" + value + "\n"))
	return hex.EncodeToString(sum[:evidenceBytes])
}

// derive makes the ID, and tells the names of the facts it comes from.
func (f Facts) derive() (id sitesync.HardwareID, from []string) {
	for _, guarded := range []bool{false, true} {
		for name, fact := range f.Named {
			if fact.State == Read && fact.Guarded == guarded && isStrong(name) {
				from = append(from, name)
			}
		}
		if from != nil {
			break
		}
	}
	var lines []string
	for _, name := range from {
		lines = append(lines, kindOf(name)+"="+f.Named[name].Value+"\n")
	}
	if lines == nil {
		lines = []string{"random=" + f.Random + "\n"}
	}
	slices.Sort(lines)
	text := "sitesync hardware id v1\n" + strings.Join(slices.Compact(lines), "")
	return sitesync.NewHardwareID(sha256.Sum256([]byte(text))), from
}

// clean drops what cannot be printed, and surrounding spaces.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Trim(s, " ")
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// clip shortens s to at most n bytes of whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

package registry

import (
	"fmt"
	"strconv"
	"strings"

	"sitesync/shared/sitesync"
)

type (
	siteID  = sitesync.SiteID
	storeID = sitesync.StoreID
)

// Numbers in keys have all their digits, so that the order of the keys is
// that of the numbers.

const (
	keyHub    = "R/hub"
	keyAdmins = "R/admins"

	prefixCount  = "R/count/"
	prefixSite   = "R/site/"
	prefixDevice = "R/device/"
	prefixLive   = "R/live/"
	prefixName   = "R/name/"
	prefixStore  = "R/store/"
	prefixCode   = "R/code/"
	prefixIntent = "R/intent/"
	prefixUser   = "R/user/"
	prefixAudit  = "R/audit/"
	prefixReplay = "R/replay/"
	prefixLease  = "R/lease/"
	prefixAsk    = "R/ask/"
)

func keyCount(kind IDKind) string   { return prefixCount + string(kind) }
func keySite(id siteID) string      { return prefixSite + digits(uint64(id)) }
func keyDevice(id siteID) string    { return prefixDevice + digits(uint64(id)) }
func keyLive(id siteID) string      { return prefixLive + digits(uint64(id)) }
func keyName(folded string) string  { return prefixName + folded }
func keyStore(id storeID) string    { return prefixStore + digits(uint64(id)) }
func keyCode(code string) string    { return prefixCode + code }
func keyUser(name string) string    { return prefixUser + name }
func keyReplay(a Actor) string      { return prefixReplay + a.Name + "/" + a.CommandID }
func keyLease(id siteID) string     { return prefixLease + digits(uint64(id)) }
func keyAsk(number uint64) string   { return prefixAsk + digits(number) }
func keyAudit(newest string) string { return prefixAudit + newest }

func keyIntent(store storeID, number uint64) string {
	return prefixIntent + digits(uint64(store)) + "/" + digits(number)
}

func digits(n uint64) string { return fmt.Sprintf("%020d", n) }

// number reads the digits after prefix.
func number(key, prefix string) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(key, prefix), 10, 64)
}

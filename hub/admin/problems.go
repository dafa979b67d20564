package admin

import (
	"fmt"

	"sitesync/shared/sitesync"
)

// problems puts what is wrong with a site into words, as an operator at the
// hub needs them.
var problems = map[sitesync.ProblemCode]struct{ message, next string }{
	sitesync.ProblemBadCredentials: {
		"Somebody tries to connect as this site with a wrong password.",
		"Enter the site's password on the device, or set a new one for the site."},
	sitesync.ProblemHardwareMismatch: {
		"Another device than the one bound to this site tries to connect with its password.",
		"If the device was replaced, reset the site's hardware; if not, set a new password."},
	sitesync.ProblemDeleted: {
		"A device still tries to connect as this site, which was deleted.",
		"Join the device to another site, or take it out of service."},
	sitesync.ProblemHardwareReset: {
		"The device that this site had before its hardware was reset still tries to connect.",
		"Take it out of service; what it had not sent can be exported there and imported at the hub."},
	sitesync.ProblemReplaced: {
		"A device presents a credential that a newer one has replaced.",
		"Enter the site's password on the device that is to be used."},
	sitesync.ProblemDisabled: {
		"The site is disabled at the hub, so its device cannot sync.",
		"Enable the site when it may sync again."},
	sitesync.ProblemSiteRenamed: {
		"The device still uses a former name of this site.",
		"Enter the new name on the device, or give the site its old name back."},
	sitesync.ProblemPasswordChanged: {
		"The device was let in under a former password of this site.",
		"Enter the new password on the device, or put the old one back."},
	sitesync.ProblemTwoDevices: {
		"Two installations use this site in turn; both are held.",
		"Find out which device is the right one, then reset the site's hardware."},
	sitesync.ProblemUnreachable: {
		"The device reports that it could not reach the hub for a while.",
		"Check the network at the site if it goes on."},
	sitesync.ProblemTLS: {
		"The device reports that it did not trust the hub's certificate.",
		"Check the device's clock, and join it anew if the hub's certificate authority has changed."},
	sitesync.ProblemDiverged: {
		"The device and the hub remember a different history of a store; its sync is held.",
		"Find out whether the device or the hub was restored from a backup or copied. Nothing is lost so far."},
	sitesync.ProblemBadFrame: {
		"The device sends data that the hub cannot read; the store concerned is held at the device.",
		"Update the program on the device; the data is kept there."},
	sitesync.ProblemQuarantined: {
		"Changes from this site were not applied and wait in quarantine.",
		"Look at them and decide."},
	sitesync.ProblemLeaseExpired: {
		"The device was without contact for longer than it may; its stores are read-only.",
		"Nothing if it is online again; otherwise bring it online, or move its stores."},
	sitesync.ProblemDiskFull: {
		"The device's disk is full; it cannot keep new changes.",
		"Make room on the device."},
	sitesync.ProblemClock: {
		"The device's clock is wrong.",
		"Set the date and time on the device."},
}

// ProblemText is a problem in words. An unknown code has none of its own.
func ProblemText(code sitesync.ProblemCode) sitesync.Problem {
	if p := problem(code); p != nil {
		return *p
	}
	return sitesync.Problem{Code: code, Message: "The device reports a problem that this hub does not know.", Next: "Look at the device's own page."}
}

func problem(code sitesync.ProblemCode) *sitesync.Problem {
	text, known := problems[code]
	if !known {
		return nil
	}
	return &sitesync.Problem{Code: code, Message: text.message, Next: text.next}
}

// inQuarantine is the problem of a site with open items.
func inQuarantine(count uint64) *sitesync.Problem {
	p := problem(sitesync.ProblemQuarantined)
	switch count {
	case 0:
		return nil
	case 1:
		p.Message = "1 change from this site was not applied and waits in quarantine."
	default:
		p.Message = fmt.Sprintf("%d changes from this site were not applied and wait in quarantine.", count)
	}
	return p
}

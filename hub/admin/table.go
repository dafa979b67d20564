package admin

import (
	"reflect"
	"slices"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// Right is what a caller must have to use a command.
type Right uint8

const (
	Reads     Right = 1 // any user or token: role admin or viewer
	ReadsData Right = 2 // the data right, with either role
	Edits     Right = 3 // role admin
)

func (r Right) String() string {
	switch r {
	case Reads:
		return "viewer"
	case ReadsData:
		return "data"
	case Edits:
		return "admin"
	}
	return "right?"
}

// Command is a row of the table.
type Command struct {
	Name    string       // "site.create": group and verb
	Right   Right        // needed
	About   string       // one line
	Example string       // arguments, a JSON object
	Args    reflect.Type // struct; see Field for its tags
	Result  reflect.Type // what "result" of the answer holds
	Waits   bool         // it may wait for a device: others of the caller go on meanwhile

	run func(c *call, args any) (any, error)
}

// table has its rows from init, since help looks into it.
var table []Command

func init() {
	table = rows
}

var rows = []Command{
	command("site.create", Edits, "Register a site, and move stores to it from the central site.",
		`{"name":"Nadi","code":"NAD","password":"correct horse","stores":["NAD1"]}`, (*call).createSite),
	command("site.update", Edits, "Change details and stores of a site, as a whole or not at all.",
		`{"site":6,"revision":7,"name":"Nadi Hospital","addStores":["NAD2"],"dryRun":true}`, (*call).updateSite),
	command("site.get", Reads, "Show a site with its state and stores.",
		`{"site":"Nadi"}`, (*call).getSite),
	command("site.list", Reads, "List sites by ID, the central site first.",
		`{"state":"offline","q":"hospital","limit":100}`, (*call).listSites),
	command("site.reset-hardware", Edits, "Free a site for another device; the device it had is shut out.",
		`{"site":6,"force":true}`, (*call).resetHardware),
	command("site.delete", Edits, "Delete a site that has no stores.",
		`{"site":6}`, (*call).deleteSite),
	command("site.join", Reads, "Give the text and QR code with which a device finds and trusts this hub.",
		`{"site":6}`, (*call).joinSite),
	waits(command("site.check", Reads, "Ask a site's device how it is: the way there and back, version, clock, backlog, disk.",
		`{"site":6,"timeout":20}`, (*call).checkSite)),
	waits(command("site.sync", Edits, "Have a site's device sync everything now.",
		`{"site":6}`, (*call).syncSite)),
	waits(command("site.resync", Edits, "Have a site's device load its stores anew, once everything there is sent.",
		`{"site":6,"store":"NAD1"}`, (*call).resyncSite)),
	waits(command("site.log", Edits, "Show the newest lines of the log of a site's device.",
		`{"site":6,"lines":50}`, (*call).logOfSite)),
	waits(command("site.wipe", Edits, "Have a site's device forget its site and all data, once everything there is sent.",
		`{"site":6,"expires":86400}`, (*call).wipeSite)),
	command("site.asked", Reads, "List what a site's device was asked for: what waits for it, and its answers.",
		`{"site":6}`, (*call).listAsked),

	command("store.create", Edits, "Create a store, active at the central site.",
		`{"code":"NAD1","name":"Nadi pharmacy","tags":["region:west"]}`, (*call).createStore),
	command("store.update", Edits, "Change code, name or tags of a store.",
		`{"store":"NAD1","name":"Nadi main pharmacy"}`, (*call).updateStore),
	command("store.get", Reads, "Show a store: where it is active, what it holds, its handover.",
		`{"store":"NAD1"}`, (*call).getStore),
	command("store.list", Reads, "List stores by ID.",
		`{"site":"Nadi","limit":100}`, (*call).listStores),
	command("store.move", Edits, "Move a store to another site.",
		`{"store":"NAD1","to":"Nadi"}`, (*call).moveStore),
	command("store.delete", Edits, "Delete a store that is active at the central site, with its records.",
		`{"store":"NAD1","force":true}`, (*call).deleteStore),

	command("handover.list", Reads, "List moves of stores, the newest first.",
		`{"state":"draining","limit":100}`, (*call).listHandovers),
	command("handover.get", Reads, "Show a move: how far it is, or how it ended.",
		`{"handover":12}`, (*call).getHandover),
	command("handover.cancel", Edits, "Leave a store where it is, as long as its site has not given it up.",
		`{"handover":12}`, (*call).cancelHandover),
	command("handover.force", Edits, "Do not wait for what a store's site has not sent; that will be in quarantine.",
		`{"handover":12}`, (*call).forceHandover),

	command("quarantine.list", Reads, "List changes that were not applied, the oldest first.",
		`{"store":"NAD1","state":"open","limit":100}`, (*call).listQuarantine),
	command("quarantine.get", Reads, "Show a change that was not applied beside the record as it is now, field by field.",
		`{"item":7}`, (*call).getQuarantined),
	command("quarantine.apply", Edits, "Apply such a change at the centre, or propose it to the store's site.",
		`{"item":7}`, (*call).applyQuarantined),
	command("quarantine.discard", Edits, "Close such a change; it stays whole in the audit log.",
		`{"item":7}`, (*call).discardQuarantined),
	command("quarantine.import", Edits, "Take changes from the exported outbox of a device that was replaced.",
		`{"site":6,"hub":"5f0c2b7a9d1e4f60a3b4c5d6e7f80910","replica":"0102030405060708090a0b0c0d0e0f10","changes":[]}`, (*call).importOutbox),

	command("record.get", ReadsData, "Show a record.",
		`{"store":"NAD1","table":"stock","record":"aspirin"}`, (*call).getRecord),
	command("record.list", ReadsData, "List a store's records in the order of table and ID.",
		`{"store":"NAD1","table":"stock","limit":100}`, (*call).listRecords),
	command("record.put", Edits, "Write a record of a store that is active at the central site.",
		`{"store":"NAD1","table":"stock","record":"aspirin","data":{"quantity":40}}`, (*call).putRecord),
	command("record.delete", Edits, "Delete a record of a store that is active at the central site.",
		`{"store":"NAD1","table":"stock","record":"aspirin","ifMatch":"*"}`, (*call).deleteRecord),

	command("user.me", Reads, "Tell who the caller is and what it may do.",
		`{}`, (*call).me),
	command("user.create", Edits, "Let a person sign in.",
		`{"name":"anna","role":"viewer","password":"correct horse"}`, (*call).createUser),
	command("user.update", Edits, "Change role, rights or password of a user, or keep one out.",
		`{"name":"anna","role":"admin"}`, (*call).updateUser),
	command("user.list", Reads, "List users by name.",
		`{"limit":100}`, (*call).listUsers),
	command("user.delete", Edits, "Take a user away; the last administrator stays.",
		`{"name":"anna"}`, (*call).deleteUser),

	command("token.create", Edits, "Make a token for a program; it is shown this once.",
		`{"name":"dashboard","role":"viewer","data":true,"expires":"2030-01-31"}`, (*call).createToken),
	command("token.list", Reads, "List tokens by name: their rights, when they end, when they were last used.",
		`{"limit":100}`, (*call).listTokens),
	command("token.revoke", Edits, "Take a token away; what uses it is shut out at once.",
		`{"name":"dashboard"}`, (*call).revokeToken),

	command("audit.list", Reads, "List who edited what, the newest first.",
		`{"site":"Nadi","user":"anna","since":"2026-01-31","limit":100}`, (*call).listAudit),

	command("hub.status", Reads, "Tell how the hub is: connections, sites, stores, database, rates.",
		`{}`, (*call).hubStatus),
	command("hub.help", Reads, "List the commands, with their arguments and an example of each.",
		`{"command":"site.create"}`, (*call).help),
}

// command makes a row of a method with typed arguments and result.
func command[A, R any](name string, right Right, about, example string, run func(*call, A) (R, error)) Command {
	return Command{
		Name: name, Right: right, About: about, Example: example,
		Args: reflect.TypeFor[A](), Result: reflect.TypeFor[R](),
		run: func(c *call, args any) (any, error) { return run(c, args.(A)) },
	}
}

func waits(c Command) Command { c.Waits = true; return c }

// Commands lists all commands, group by group.
func Commands() []Command { return slices.Clone(table) }

// Lookup finds a command by its name.
func Lookup(name string) (Command, bool) {
	i := slices.IndexFunc(table, func(c Command) bool { return c.Name == name })
	if i < 0 {
		return Command{}, false
	}
	return table[i], true
}

// Results of several commands.
type (
	// SiteResult is the result of commands about one site.
	SiteResult struct {
		Site sitesync.Site `json:"site"`
	}
	// SiteEdited is the result of site.update.
	SiteEdited struct {
		Site      sitesync.Site       `json:"site"`
		Effects   []string            `json:"effects"` // sentences: what happens now, or would
		Handovers []sitesync.Handover `json:"handovers"`
	}
	// JoinResult is the result of site.join.
	JoinResult struct {
		Join string `json:"join"`
		QR   string `json:"qr"` // the same as an SVG image
	}
	// StoreResult is the result of commands about one store.
	StoreResult struct {
		Store sitesync.Store `json:"store"`
	}
	// MoveResult is the result of store.move; null when there was nothing to
	// move and nothing is under way.
	MoveResult struct {
		Handover *sitesync.Handover `json:"handover"`
	}
	// RecordResult is the result of commands about one record.
	RecordResult struct {
		Record sitesync.Record `json:"record"`
	}
)

// Seconds is a duration in whole seconds.
type Seconds uint64

// Ref names a site or a store in arguments: its ID as a number, or its name or
// code as text.
type Ref = registry.Ref

package sitesync

// EventKind names a kind of event.
type EventKind string

const (
	EventSiteOnline      EventKind = "site.online"
	EventSiteOffline     EventKind = "site.offline"
	EventSiteRejected    EventKind = "site.rejected"
	EventSiteRefused     EventKind = "site.refused"
	EventSiteBound       EventKind = "site.bound"
	EventSiteReset       EventKind = "site.reset"
	EventTwoDevices      EventKind = "site.two_devices"
	EventDiverged        EventKind = "site.diverged"
	EventBadFrame        EventKind = "site.bad_frame"
	EventSiteDisk        EventKind = "site.disk"
	EventLeaseExpiring   EventKind = "site.lease_expiring"
	EventHandoverDrain   EventKind = "handover.draining"
	EventHandoverLoading EventKind = "handover.loading"
	EventHandoverDone    EventKind = "handover.done"
	EventHandoverForced  EventKind = "handover.forced"
	EventHandoverEnded   EventKind = "handover.cancelled"
	EventHandoverTrouble EventKind = "handover.trouble"
	EventQuarantineAdded EventKind = "quarantine.added"
	EventQuarantineStale EventKind = "quarantine.stale"
	EventDigestRepaired  EventKind = "digest.repaired"
	EventHubRestored     EventKind = "hub.restored"
	EventHubDisk         EventKind = "hub.disk"
	EventHubOverload     EventKind = "hub.overload"
	EventUserLoginFailed EventKind = "user.login_failed"
)

// EventMessage is what an event topic carries.
type EventMessage struct {
	At      Time      `json:"at"`
	Kind    EventKind `json:"kind"`
	Site    *SiteID   `json:"site"`
	Store   *StoreID  `json:"store"`
	Message string    `json:"message"`
	Next    string    `json:"next"`
}

// Urgency says who should look at an event.
type Urgency string

const (
	Routine  Urgency = "routine"  // goes on all the time
	Notable  Urgency = "notable"  // somebody did it, or it went as it should
	Alarming Urgency = "alarming" // a person should look
)

// EventInfo describes a kind of event.
type EventInfo struct {
	Kind    EventKind
	Urgency Urgency
	About   string // what happened, in one line
	When    string // how often it is told
}

// Events is the one list of all kinds of events: what may be published on
// sitesync/v1/event/{kind}, the AsyncAPI document and the alerts that an
// operator sets up all come from it.
var Events = []EventInfo{
	{EventSiteOnline, Routine, "A site's device was welcomed.", "at each connection"},
	{EventSiteOffline, Routine, "The connection of a site's device ended.", "at the end of each connection"},
	{EventSiteRejected, Alarming, "Somebody could not log in as a site: wrong password, or another device than the site's.", "at each attempt; at most a few a minute of one site"},
	{EventSiteRefused, Alarming, "A site's own device is not let in, and why.", "when the reason changes"},
	{EventSiteBound, Notable, "A site got its device: the first one that logged in with its password.", "once a device"},
	{EventSiteReset, Notable, "A site was freed for another device; the one that it had is shut out.", "once a reset"},
	{EventTwoDevices, Alarming, "Two installations use one site in turn and are held, or one device serves two sites.", "when it is noticed"},
	{EventDiverged, Alarming, "A device's history is not the hub's: a restored backup or a copy. Nothing of it is taken.", "once a session and store"},
	{EventBadFrame, Alarming, "A device sent what the hub could not read; it keeps its changes.", "at most once a minute of one site"},
	{EventSiteDisk, Alarming, "A device's disk is nearly full; its application will not be able to write.", "when it becomes so, and once a day"},
	{EventLeaseExpiring, Alarming, "A site was not heard from for three quarters of its longest time offline; its stores become read-only.", "once until it is heard from"},
	{EventHandoverDrain, Notable, "A store is to leave a site once everything written there has arrived.", "once a handover"},
	{EventHandoverLoading, Notable, "A store's data is being delivered to its new site.", "once a handover and epoch"},
	{EventHandoverDone, Notable, "A store is active at its new site.", "once a handover"},
	{EventHandoverForced, Alarming, "A store is active at its new site, without waiting for what the former one had not sent.", "once a handover"},
	{EventHandoverEnded, Notable, "A handover was cancelled; the store stays where it is.", "once a handover"},
	{EventHandoverTrouble, Alarming, "A store's full data arrived wrong again and again; the store is held.", "once a handover and session"},
	{EventQuarantineAdded, Alarming, "Changes of a site were not applied; they wait for a person's decision.", "at most a few a minute of one store"},
	{EventQuarantineStale, Notable, "A proposed change was not applied, because the record has moved on: to be decided anew.", "once a decision"},
	{EventDigestRepaired, Notable, "A store's full data had arrived wrong, was delivered again, and is right now.", "once a handover"},
	{EventHubRestored, Alarming, "A device has seen more than this hub has: the hub was restored from an older backup.", "once a session and store"},
	{EventHubDisk, Alarming, "The hub's disk is nearly full, or full; devices keep their changes until there is room.", "when it becomes so, and once an hour"},
	{EventHubOverload, Alarming, "The hub turned connections or logins away because there were too many at once.", "at most once a minute"},
	{EventUserLoginFailed, Alarming, "A person or token could not log in.", "at each attempt; at most a few a minute of one name"},
}

// EventOf gives the description of a kind; ok is false where there is none.
func EventOf(kind EventKind) (info EventInfo, ok bool) {
	for _, e := range Events {
		if e.Kind == kind {
			return e, true
		}
	}
	return EventInfo{Kind: kind, Urgency: Alarming}, false
}

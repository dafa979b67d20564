// Package topic builds and parses every MQTT topic of sitesync. No other
// package writes a topic as text.
package topic

import (
	"strconv"
	"strings"

	"sitesync/shared/sitesync"
)

// Prefix begins every topic. Its number is that of the protocol.
const Prefix = "sitesync/v1"

// Kind says what a topic carries.
type Kind uint8

const (
	Unknown       Kind = iota
	Hello              // device/{client ID}/hello, from the agent
	Welcome            // device/{client ID}/welcome, from the hub
	Push               // site/{id}/push, from the agent
	Receipt            // site/{id}/receipt, from the hub
	Pull               // site/{id}/pull, from the agent
	Changes            // site/{id}/changes, from the hub
	Assignment         // site/{id}/assignment, from the hub
	Resync             // site/{id}/resync/{store}, from the hub
	ResyncRequest      // site/{id}/resync, from the agent
	Handover           // site/{id}/handover, from the agent
	Hint               // site/{id}/hint, from the hub
	Command            // site/{id}/command, from the hub
	CommandResult      // site/{id}/command/result, from the agent
	Status             // site/{id}/status, from the hub, retained
	Admin              // admin/{command}, from a person or script
	Reply              // reply/{user}/{request id}, from the hub
	Event              // event/{kind}, from the hub
)

// Topic is a parsed topic. Only the fields its Kind names are set.
type Topic struct {
	Kind   Kind
	Client string // client ID, of Hello and Welcome
	Site   sitesync.SiteID
	Store  sitesync.StoreID // of Resync
	Name   string           // command of Admin, kind of Event, user of Reply
	ID     string           // request ID of Reply; may have further levels
}

// siteLeaf names the last levels of the topics below site/{id}/.
var siteLeaf = map[Kind]string{
	Push: "push", Receipt: "receipt", Pull: "pull", Changes: "changes", Assignment: "assignment",
	ResyncRequest: "resync", Handover: "handover", Hint: "hint", Command: "command",
	CommandResult: "command/result", Status: "status",
}

var siteKind = func() map[string]Kind {
	m := make(map[string]Kind, len(siteLeaf))
	for kind, leaf := range siteLeaf {
		m[leaf] = kind
	}
	return m
}()

// String builds the topic. It is the inverse of Parse.
func (t Topic) String() string {
	switch t.Kind {
	case Hello:
		return Prefix + "/device/" + t.Client + "/hello"
	case Welcome:
		return Prefix + "/device/" + t.Client + "/welcome"
	case Resync:
		return ForSite(t.Site, ResyncRequest) + "/" + t.Store.String()
	case Admin:
		return Prefix + "/admin/" + t.Name
	case Reply:
		return Prefix + "/reply/" + t.Name + "/" + t.ID
	case Event:
		return Prefix + "/event/" + t.Name
	default:
		return ForSite(t.Site, t.Kind)
	}
}

// ForSite builds the topic of kind below site/{id}/; not for Resync, which
// also names a store.
func ForSite(site sitesync.SiteID, kind Kind) string {
	return Prefix + "/site/" + site.String() + "/" + siteLeaf[kind]
}

// ForDevice builds the Hello or Welcome topic of a client ID.
func ForDevice(client string, kind Kind) string { return Topic{Kind: kind, Client: client}.String() }

// ForResync builds the topic on which a store's full data comes.
func ForResync(site sitesync.SiteID, store sitesync.StoreID) string {
	return Topic{Kind: Resync, Site: site, Store: store}.String()
}

// Filters a subscriber may use.
const (
	AllStatus = Prefix + "/site/+/status"
	AllEvents = Prefix + "/event/+"
)

// AllResyncs is the filter for the resync topics of every store of a site.
func AllResyncs(site sitesync.SiteID) string { return ForSite(site, ResyncRequest) + "/+" }

// Replies is the filter for all replies of a user.
func Replies(user string) string { return Prefix + "/reply/" + user + "/#" }

// Parse reads a topic. A text that is none of ours has Kind Unknown.
func Parse(text string) Topic {
	rest, ok := strings.CutPrefix(text, Prefix+"/")
	if !ok || strings.ContainsAny(rest, "+#\x00") {
		return Topic{}
	}
	first, rest, _ := strings.Cut(rest, "/")
	switch first {
	case "site":
		return parseSite(rest)
	case "device":
		return parseDevice(rest)
	case "admin":
		return parseName(Admin, rest)
	case "event":
		return parseName(Event, rest)
	case "reply":
		user, id, ok := strings.Cut(rest, "/")
		if ok && user != "" && id != "" {
			return Topic{Kind: Reply, Name: user, ID: id}
		}
	}
	return Topic{}
}

func parseName(kind Kind, name string) Topic {
	if name == "" || strings.Contains(name, "/") {
		return Topic{}
	}
	return Topic{Kind: kind, Name: name}
}

func parseDevice(rest string) Topic {
	client, leaf, _ := strings.Cut(rest, "/")
	switch {
	case client == "":
		return Topic{}
	case leaf == "hello":
		return Topic{Kind: Hello, Client: client}
	case leaf == "welcome":
		return Topic{Kind: Welcome, Client: client}
	}
	return Topic{}
}

func parseSite(rest string) Topic {
	number, leaf, _ := strings.Cut(rest, "/")
	site, ok := parseNumber(number)
	if !ok {
		return Topic{}
	}
	if kind, ok := siteKind[leaf]; ok {
		return Topic{Kind: kind, Site: sitesync.SiteID(site)}
	}
	if number, ok := strings.CutPrefix(leaf, "resync/"); ok {
		if store, ok := parseNumber(number); ok {
			return Topic{Kind: Resync, Site: sitesync.SiteID(site), Store: sitesync.StoreID(store)}
		}
	}
	return Topic{}
}

// parseNumber takes the one way to write a number, so that a topic has one
// spelling only and no rule can be walked around with another.
func parseNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == s
}

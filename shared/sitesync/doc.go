// Package sitesync is the domain: the words both programs speak, with the
// rules that belong to the words alone. It imports the standard library only,
// so that every other package may import it.
//
// A site is a place that syncs, one device. A store is a set of records and is
// active on exactly one site. A change is a new version of a record; it is
// numbered n in its store and epoch by the device that made it, and gets a seq
// in the store's log at the hub. An epoch belongs to one site and one replica
// (agent data directory); every change of owner or replica takes a new one, so
// that two writers of one store cannot exist.
package sitesync

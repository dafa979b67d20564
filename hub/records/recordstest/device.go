// Package recordstest is the contract of records.State, as tests that hold for
// every implementation of it, and a device that makes changes for them.
package recordstest

import (
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

// Device numbers and chains the changes of one origin as an agent does, and
// keeps them all, so that any part can be sent again. It is not for concurrent
// use.
type Device struct {
	Store  sitesync.StoreID
	Origin records.Origin

	changes []sitesync.Change // changes[n-1] is change n
	chains  []sitesync.Chain  // chains[n] is c(n)
	hasher  *sitesync.Hasher
}

// NewDevice makes a device that has written nothing yet.
func NewDevice(store sitesync.StoreID, o records.Origin) *Device {
	return &Device{Store: store, Origin: o, chains: make([]sitesync.Chain, 1), hasher: sitesync.NewHasher()}
}

// Add makes the next change and gives its n.
func (d *Device) Add(c sitesync.Change) (n uint64) {
	hash := d.hasher.Record(c.Table, c.ID, c.Data)
	d.chains = append(d.chains, d.hasher.Next(d.chains[len(d.chains)-1], &c, hash))
	d.changes = append(d.changes, c)
	return d.Last()
}

// Put adds a put.
func (d *Device) Put(table, id, data string) (n uint64) {
	return d.Add(sitesync.Change{Op: sitesync.OpPut, Table: table, ID: id, Data: []byte(data)})
}

// Delete adds a delete.
func (d *Device) Delete(table, id string) (n uint64) {
	return d.Add(sitesync.Change{Op: sitesync.OpDelete, Table: table, ID: id})
}

// Last is the n of the newest change.
func (d *Device) Last() uint64 { return uint64(len(d.changes)) }

// Chain is c(n).
func (d *Device) Chain(n uint64) sitesync.Chain { return d.chains[n] }

// Batch makes a batch of the changes first to last. The device holds no receipt.
func (d *Device) Batch(first, last uint64) records.Batch {
	return records.Batch{Store: d.Store, Origin: d.Origin, First: first, Chain: d.chains[first-1],
		Changes: d.changes[first-1 : last], At: time.Now()}
}

// All makes a batch of all its changes.
func (d *Device) All() records.Batch { return d.Batch(1, d.Last()) }

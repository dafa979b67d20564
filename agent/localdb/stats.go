package localdb

import "sitesync/shared/kv"

// Stats are what the database takes of the machine.
func (d *DB) Stats() kv.Stats { return d.kv.Stats() }

// CheckWrites tells why the database takes no writes, if it does not. Errors:
// disk_full.
func (d *DB) CheckWrites() error { return d.kv.Update(func(*kv.Tx) error { return nil }) }

// Package localdb is the agent's durable state: the records of the site's
// stores, the outbox of changes the hub has not confirmed, how far reading
// from the hub has come, and what became of past changes.
//
// The outbox is a queue per store and epoch whose entries are numbered n = 1,
// 2, 3, … and chained by hash. A local write puts the record and its entry
// there in one transaction and is durable when it returns. Only Settle takes
// entries out, and only where the hub's chain is the agent's own.
//
// A record remembers the n of its last local change; while that is not
// settled, nothing that comes from the hub overwrites it.
package localdb

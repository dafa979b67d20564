// Package records keeps the data of all stores at the hub: per store a meta,
// the records, the change log, what past epochs settled, and the quarantine.
//
// The meta is the truth about who owns a store. Every Apply, Edit and
// Transition is one transaction that reads the meta and writes the next one,
// so all decisions about a store are linear; everything else that reads may be
// a moment old.
//
// The log is compacted as it grows: it holds one entry per record, the newest,
// because a change takes its record's former entry out. A seq is given out in
// the transaction that commits it, and transactions run one after another: a
// reader at a cursor can never miss a change that commits later with a lower
// seq.
package records

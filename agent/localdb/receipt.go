package localdb

import (
	"slices"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// receiptsKept is how many settled changes of a store can still be asked for.
const receiptsKept = 100_000

// Receipt is what is known of one change.
type Receipt struct {
	Store   string         `json:"store"` // code
	Epoch   sitesync.Epoch `json:"epoch"`
	N       uint64         `json:"n"`
	Receipt string         `json:"receipt"` // queued, applied, quarantined
	Reason  string         `json:"reason,omitempty"`
}

// Receipts tells what is known of changes, per store and epoch in the order of
// n, from a place that an earlier answer gave ("" is the oldest that is kept).
// Each change comes when it is first seen, and once more when it is settled
// after having been seen queued. An empty answer repeats the place, unless that
// was ahead of what is here, as after the restore of a backup. A place that
// another data directory gave is the beginning. Errors: invalid.
func (d *DB) Receipts(after string, limit int) (list []Receipt, next string, err error) {
	replica := d.Replica()
	from, err := parsePlaces(after, replica)
	if err != nil {
		return nil, "", err
	}
	var to places
	ahead := false
	err = d.kv.View(func(tx *kv.Tx) error {
		stores, err := readStores(tx)
		if err != nil {
			return err
		}
		for i := range stores {
			r := receipts{tx: tx, store: &stores[i], list: list, limit: limit}
			if err := r.read(from); err != nil {
				return err
			}
			list, to, ahead = r.list, append(to, r.places...), ahead || r.ahead
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) == 0 && after != "" && !ahead {
		return nil, after, nil
	}
	slices.SortFunc(to, progress.compare)
	return list, to.text(replica), nil
}

// receipts reads the receipts of one store.
type receipts struct {
	tx     *kv.Tx
	store  *Store
	list   []Receipt
	limit  int
	places places // after it
	ahead  bool   // the place was further than what is here
}

func (r *receipts) read(from places) error {
	s := r.store
	queues := slices.Concat(s.Ended, s.Past, []Outbox{s.Outbox})
	slices.SortFunc(queues, func(a, b Outbox) int { return progress{epoch: a.Epoch}.compare(progress{epoch: b.Epoch}) })
	oldest := oldestKept(queues)
	for i := range queues {
		o := &queues[i]
		p, told := from.of(s.ID, o.Epoch)
		if told {
			continue
		}
		if p.settled > o.Confirmed || p.queued > o.Last {
			p.settled, p.queued, r.ahead = min(p.settled, o.Confirmed), min(p.queued, o.Last), true
		}
		p.settled = max(p.settled, oldest[i])
		p.queued = max(p.queued, p.settled)
		if err := r.queue(o, &p); err != nil {
			return err
		}
		over := i < len(queues)-1 && p.settled == o.Last // nothing more will come of it
		if !over || len(r.places) > 0 {
			r.places = append(r.places, p)
		}
	}
	return nil
}

// oldestKept gives, for every queue, the n before the first receipt that is
// still kept.
func oldestKept(queues []Outbox) []uint64 {
	oldest := make([]uint64, len(queues))
	left := uint64(receiptsKept)
	for i := len(queues) - 1; i >= 0; i-- {
		kept := min(left, queues[i].Confirmed)
		oldest[i], left = queues[i].Confirmed-kept, left-kept
	}
	return oldest
}

// queue adds what is new of one epoch and moves the place on: first all that
// is settled, then what waits.
func (r *receipts) queue(o *Outbox, p *progress) error {
	through := min(o.Confirmed, p.settled+uint64(max(r.limit-len(r.list), 0)))
	reasons, err := reasonsBetween(r.tx, r.store.ID, o.Epoch, p.settled, through)
	if err != nil {
		return err
	}
	for p.settled < through {
		p.settled++
		if reason, ok := reasons[p.settled]; ok {
			r.add(o, p.settled, "quarantined", reason.String())
		} else {
			r.add(o, p.settled, "applied", "")
		}
	}
	p.queued = max(p.queued, p.settled)
	for p.settled == o.Confirmed && p.queued < o.Last && len(r.list) < r.limit {
		p.queued++
		r.add(o, p.queued, "queued", "")
	}
	return nil
}

func (r *receipts) add(o *Outbox, n uint64, receipt, reason string) {
	r.list = append(r.list, Receipt{Store: r.store.Code, Epoch: o.Epoch, N: n, Receipt: receipt, Reason: reason})
}

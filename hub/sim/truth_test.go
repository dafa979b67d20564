package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// truth is what really happened at the hub, kept outside of it: every change
// that a device sent, every change made at the centre, and every arrow of the
// handover machine, in the order in which the hub made them durable. It
// outlives the hub's crashes.
type truth struct {
	mu     sync.Mutex
	stores map[sitesync.StoreID]*storeTruth
	faults []string    // what was found to be wrong at once
	full   func() bool // whether the hub's disk has no room for a batch; nil: it has
}

func newTruth() *truth { return &truth{stores: map[sitesync.StoreID]*storeTruth{}} }

func (t *truth) store(id sitesync.StoreID) *storeTruth {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stores[id]
	if s == nil {
		s = &storeTruth{id: id, sent: map[records.Origin]map[uint64]sent{}, settled: map[records.Origin]uint64{}, central: map[sitesync.Epoch][]sitesync.Change{}}
		t.stores[id] = s
	}
	return s
}

// fill has batches refused for a full disk while full answers so.
func (t *truth) fill(full func() bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.full = full
}

func (t *truth) isFull() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.full != nil && t.full()
}

func (t *truth) wrong(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

// storeTruth is the truth about one store. mu is held over every change to it,
// so that it knows their order.
type storeTruth struct {
	id sitesync.StoreID
	mu sync.Mutex

	sent    map[records.Origin]map[uint64]sent
	settled map[records.Origin]uint64
	central map[sitesync.Epoch][]sitesync.Change
	arrows  []arrow
	unsure  []func(*records.DB) // to be looked up when the hub is open again
	tail    *tail               // followed it, when the history was over
}

// sent is a change as a device sent it. mayApply says that its device was the
// store's writer when the hub settled it.
type sent struct {
	change   sitesync.Change
	mayApply bool
}

type arrow struct {
	at   time.Time
	next records.Meta
	was  records.Meta // zero for the first
}

// watched is the hub's records with the truth beside them. It belongs to one
// run of the hub.
type watched struct {
	admin.Records
	db    *records.DB
	truth *truth
}

// watch begins a run of the hub: what its crash left unsure is looked up.
func (t *truth) watch(db *records.DB) admin.Records {
	t.mu.Lock()
	stores := slices.Collect(maps.Values(t.stores))
	t.mu.Unlock()
	for _, s := range stores {
		s.mu.Lock()
		for _, look := range s.unsure {
			look(db)
		}
		s.unsure = nil
		for o := range s.sent {
			if res, err := db.Settled(s.id, o, 0); err != nil {
				t.wrong("store %d: what %v has settled cannot be read: %v", s.id, o, err)
			} else {
				s.settled[o] = res.Settled
			}
		}
		s.mu.Unlock()
	}
	return &watched{Records: db, db: db, truth: t}
}

// definite reports whether an error leaves nothing open.
func definite(err error) bool {
	e := sitesync.AsError(err)
	return err == nil || e != nil && e.Code != sitesync.CodeInternal
}

func (w *watched) Apply(b records.Batch) (records.Result, error) {
	s := w.truth.store(b.Store)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _, err := w.db.Meta(b.Store)
	if err != nil {
		return records.Result{}, err
	}
	if w.truth.isFull() {
		return records.Result{}, sitesync.Errorf(sitesync.CodeDiskFull, "free space", "the disk is full")
	}
	before := s.settled[b.Origin]
	w.note(s, &b, m.Origin() == b.Origin)
	res, err := w.Records.Apply(b)
	if err != nil {
		return res, err
	}
	proposed := 0
	for i := range b.Changes {
		if b.Changes[i].Quarantine != 0 {
			proposed++
		}
	}
	grown, news := int(res.Settled-before), res.Applied+res.Refused
	if res.Settled < before || news > grown || news < grown-proposed { // what was proposed is not refused a second time
		w.truth.wrong("store %d: of %v %d changes were settled, now %d, of which %d were applied and %d refused", b.Store, b.Origin, before, res.Settled, res.Applied, res.Refused)
	}
	s.settled[b.Origin] = res.Settled
	return res, nil
}

// note keeps what a batch brings, and finds a change that comes as another one
// than before.
func (w *watched) note(s *storeTruth, b *records.Batch, writer bool) {
	of := s.sent[b.Origin]
	if of == nil {
		of = map[uint64]sent{}
		s.sent[b.Origin] = of
	}
	for i := range b.Changes {
		n := b.First + uint64(i)
		c := clone(&b.Changes[i])
		if was, again := of[n]; again && !same(&was.change, &c) {
			w.truth.wrong("store %d: change %d of %v came as %v and as %v", b.Store, n, b.Origin, was.change, c)
		}
		if n > s.settled[b.Origin] {
			of[n] = sent{c, writer}
		}
	}
}

func clone(c *sitesync.Change) sitesync.Change {
	out := *c
	out.Data = bytes.Clone(c.Data)
	return out
}

func same(a, b *sitesync.Change) bool {
	return a.Op == b.Op && a.Table == b.Table && a.ID == b.ID && string(a.Data) == string(b.Data) && a.Quarantine == b.Quarantine
}

// atCentre does what may change a store at the centre. If it did, as its log
// shows, the change is kept with the epoch of then.
func (w *watched) atCentre(store sitesync.StoreID, change func() sitesync.Change, do func() error) error {
	s := w.truth.store(store)
	s.mu.Lock()
	defer s.mu.Unlock()
	before, _, err := w.db.Meta(store)
	if err != nil {
		return err
	}
	err = do()
	look := func(db *records.DB) {
		if now, _, err := db.Meta(store); err != nil {
			w.truth.wrong("store %d: its meta cannot be read: %v", store, err)
		} else if now.Seq > before.Seq {
			s.central[before.Epoch] = append(s.central[before.Epoch], change())
		}
	}
	if definite(err) {
		look(w.db)
	} else {
		s.unsure = append(s.unsure, look)
	}
	return err
}

func (w *watched) EditOnce(e records.Edit, r records.Replay) (rec sitesync.Record, err error) {
	c := clone(&e.Change)
	err = w.atCentre(e.Store, func() sitesync.Change { return c }, func() error {
		rec, err = w.Records.EditOnce(e, r)
		return err
	})
	return rec, err
}

// changeOf is a quarantined change.
func changeOf(q *sitesync.Quarantined) sitesync.Change {
	c := sitesync.Change{Op: sitesync.OpPut, Table: q.Table, ID: q.Record, Data: q.Data}
	if q.Op == sitesync.OpDelete.String() {
		c.Op, c.Data = sitesync.OpDelete, nil
	}
	return c
}

func (w *watched) ApplyQuarantined(d records.Decision) (q sitesync.Quarantined, err error) {
	item, err := w.db.Quarantined(d.Item)
	if err != nil {
		return item, err
	}
	err = w.atCentre(item.Store, func() sitesync.Change { return changeOf(&item) }, func() error {
		q, err = w.Records.ApplyQuarantined(d)
		return err
	})
	return q, err
}

// SettleProposals is followed item by item, each a transaction of its own.
func (w *watched) SettleProposals(store sitesync.StoreID, at time.Time) error {
	s := w.truth.store(store)
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := w.db.Proposals(store)
	if err != nil || len(list) == 0 {
		return err
	}
	before, _, err := w.db.Meta(store)
	if err != nil {
		return err
	}
	err = w.Records.SettleProposals(store, at)
	look := func(db *records.DB) {
		for _, p := range list {
			if q, err := db.Quarantined(p.Item); err == nil && q.State == sitesync.QuarantineApplied {
				s.central[before.Epoch] = append(s.central[before.Epoch], changeOf(&q))
			}
		}
	}
	if definite(err) {
		look(w.db)
	} else {
		s.unsure = append(s.unsure, look)
	}
	return err
}

func (w *watched) Transition(from uint64, next records.Meta, ended []sitesync.Handover) (records.Meta, error) {
	s := w.truth.store(next.Store)
	s.mu.Lock()
	defer s.mu.Unlock()
	was, _, err := w.db.Meta(next.Store)
	if err != nil {
		return records.Meta{}, err
	}
	now := time.Now()
	made, err := w.Records.Transition(from, next, ended)
	look := func(db *records.DB) {
		if m, ok, err := db.Meta(next.Store); err != nil {
			w.truth.wrong("store %d: its meta cannot be read: %v", next.Store, err)
		} else if ok && m.Version != was.Version {
			s.arrows = append(s.arrows, arrow{now, m, was})
		}
	}
	if definite(err) {
		look(w.db)
	} else {
		s.unsure = append(s.unsure, look)
	}
	return made, err
}

// tail is a reader of a store's log from its beginning, a few changes at a
// time, while everything else goes on. What it has seen must be all there is.
type tail struct {
	store  sitesync.StoreID
	cursor wire.Cursor
	seen   map[wire.Key]string
}

// follow reads what there is of a log beyond the cursor.
func (t *tail) follow(db *records.DB) error {
	if t.cursor.Log == (wire.LogID{}) {
		m, ok, err := db.Meta(t.store)
		if err != nil || !ok {
			return err
		}
		t.cursor.Log = m.Log
	}
	for {
		p, err := db.Changes(t.store, t.cursor, records.Filter{}, records.Limit{Records: 3, Bytes: 1 << 20})
		if err != nil {
			return err
		}
		if p.Reset || p.Ahead {
			return fmt.Errorf("store %d: the log does not go on after %v: reset %v, ahead %v", t.store, t.cursor, p.Reset, p.Ahead)
		}
		for i := range p.Changes {
			c := &p.Changes[i]
			key := wire.Key{Table: c.Table, ID: c.ID}
			if delete(t.seen, key); c.Op == sitesync.OpPut {
				t.seen[key] = string(c.Data)
			}
		}
		t.cursor = p.Cursor
		if !p.More {
			return nil
		}
	}
}

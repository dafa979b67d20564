package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"sitesync/agent/localdb"
	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// patience is how long everything may take to come to rest once nothing breaks
// any more.
const patience = 5 * time.Minute

// settle mends everything, and waits until all is at rest: G5.
func (h *history) settle() {
	h.hub.fuse.disarm()
	for _, d := range h.devices {
		d.fuse.disarm()
		if !d.lost {
			d.line.heal()
		}
	}
	for _, s := range h.sites {
		h.update(s, map[string]any{"enabled": true})
	}
	h.importLost()
	deadline := time.Now().Add(patience)
	for {
		unrest := h.unrest()
		if len(unrest) == 0 {
			return
		}
		if time.Now().After(deadline) {
			for _, what := range unrest {
				h.fail(fmt.Errorf("not at rest after %s: %s", patience, what))
			}
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// importLost brings in the outboxes of some of the devices that were replaced.
func (h *history) importLost() {
	for i, d := range h.devices {
		if !d.lost || i%2 == 0 {
			continue
		}
		head, lines, err := d.outbox()
		h.fail(err)
		parts := map[place][]localdb.ExportLine{}
		for _, l := range lines {
			at := place{l.Store, l.Epoch}
			parts[at] = append(parts[at], l)
		}
		for _, part := range parts {
			h.fail(h.command("quarantine.import", map[string]any{"site": head.Site, "hub": head.Hub, "replica": head.Replica, "changes": part}, nil))
			d.imported = true
		}
	}
}

// unrest says what is not yet as it has to end.
func (h *history) unrest() (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	db := h.hub.records()
	for _, id := range h.stores {
		m, _, err := db.Meta(id)
		if err != nil || m.Phase != sitesync.PhaseActive {
			say("store %d is %s at site %d: %v, %+v", id, m.Phase, m.Owner, err, m.Handover)
			continue
		}
		for _, s := range h.sites {
			if st, known := s.device.db.Store(id); known && s.id == m.Owner {
				if why := s.device.db.Writable(&st); why != nil || st.Digest != m.Digest || st.Epoch != m.Epoch {
					say("store %d at %s: writable %v, %s in %s, at the hub %s in %s", id, s.device.name, why, st.Digest, st.Epoch, m.Digest, m.Epoch)
				}
			} else if s.id == m.Owner {
				say("store %d is not at %s", id, s.device.name)
			} else if known && (!st.Purged || st.Quarantined == 0) {
				say("store %d is still at %s: %s, purged %v, %d in quarantine", id, s.device.name, st.Phase, st.Purged, st.Quarantined)
			}
		}
	}
	for _, s := range h.sites {
		d := s.device
		status := d.engine.Status()
		if status.Link != sitesync.LinkOnline || status.Problem != nil || d.db.Backlog() > 0 {
			say("%s is %s, %d wait, problem %+v", d.name, status.Link, d.db.Backlog(), status.Problem)
		}
		for _, st := range d.db.Stores() {
			if open := db.Undecided(s.id, st.ID); st.Blocked != nil || st.Quarantined != open {
				say("store %d at %s is blocked: %+v, or shows %d of %d undecided changes", st.ID, d.name, st.Blocked, st.Quarantined, open)
			}
		}
	}
	return list
}

// judge holds what is there against what was told.
func (h *history) judge() {
	db := h.hub.records()
	items, err := quarantined(db)
	h.fail(err)
	h.wrong = append(h.wrong, h.truth.faults...)
	for _, id := range h.stores {
		j := &judging{history: h, db: db, truth: h.truth.store(id), items: items[id]}
		j.whole()
		j.writers()
		j.devices()
		j.replay()
		j.handovers()
	}
	h.told(items)
}

// quarantinedKey is what makes an item the one that it is.
type quarantinedKey struct {
	site  sitesync.SiteID
	epoch sitesync.Epoch
	n     uint64
}

// quarantined lists what was ever in quarantine, by store.
func quarantined(db *records.DB) (map[sitesync.StoreID]map[quarantinedKey]sitesync.Quarantined, error) {
	out := map[sitesync.StoreID]map[quarantinedKey]sitesync.Quarantined{}
	var twice error
	err := db.QuarantinedAfter(0, func(q sitesync.Quarantined) (bool, error) {
		if out[q.Store] == nil {
			out[q.Store] = map[quarantinedKey]sitesync.Quarantined{}
		}
		key := quarantinedKey{q.Site, q.Epoch, q.N}
		if _, known := out[q.Store][key]; known {
			twice = fmt.Errorf("store %d: %v is in quarantine twice", q.Store, key)
		}
		out[q.Store][key] = q
		return true, nil
	})
	if err == nil {
		err = twice
	}
	return out, err
}

// judging is the oracle at one store.
type judging struct {
	*history
	db    *records.DB
	truth *storeTruth
	items map[quarantinedKey]sitesync.Quarantined
}

func (j *judging) say(format string, args ...any) {
	j.fail(fmt.Errorf("store %d: "+format, append([]any{j.truth.id}, args...)...))
}

// whole: counters, digest and log are those of the records, and the reader who
// followed the log has seen them all (G4).
func (j *judging) whole() {
	j.fail(j.db.Check(j.truth.id))
	t := j.truth.tail
	if err := t.follow(j.db); err != nil {
		j.fail(err)
	}
	if there := j.records(); !maps.Equal(there, t.seen) {
		j.say("a reader who followed the log has %v, the store has %v", t.seen, there)
	}
}

func (j *judging) records() map[wire.Key]string {
	out := map[wire.Key]string{}
	p, err := j.db.Scan(j.truth.id, wire.Key{}, records.Limit{Records: 1000, Bytes: 1 << 20})
	j.fail(err)
	for i := range p.Records {
		c := &p.Records[i]
		out[wire.Key{Table: c.Table, ID: c.ID}] = string(c.Data)
	}
	return out
}

// writers: epochs only grow, and each is one replica's (G3).
func (j *judging) writers() {
	owners := map[sitesync.Epoch]records.Origin{}
	var last sitesync.Epoch
	for _, a := range j.truth.arrows {
		m := &a.next
		if m.Epoch < last {
			j.say("epoch %s follows %s", m.Epoch, last)
		}
		last = m.Epoch
		was, known := owners[m.Epoch]
		if o := m.Origin(); known && was.Replica != (sitesync.ReplicaID{}) && was != o {
			j.say("epoch %s is %v's and %v's", m.Epoch, was, o)
		} else {
			owners[m.Epoch] = o
		}
	}
	for o, of := range j.truth.sent {
		for n := range of {
			if _, refused := j.refused(o, n); !refused && n <= j.truth.settled[o] && owners[o.Epoch] != o && !j.covered(o, n) {
				j.say("change %d of %v was applied, and the epoch is %v's", n, o, owners[o.Epoch])
			}
		}
	}
}

// settled is what the hub says that it has.
func (j *judging) settled(o records.Origin) uint64 {
	res, err := j.db.Settled(j.truth.id, o, 0)
	j.fail(err)
	return res.Settled
}

func (j *judging) refused(o records.Origin, n uint64) (sitesync.Quarantined, bool) {
	q, known := j.items[quarantinedKey{o.Site, o.Epoch, n}]
	return q, known
}

// covered reports whether a change is one that the hub had proposed and then
// came too late: it is in quarantine as what it was before.
func (j *judging) covered(o records.Origin, n uint64) bool {
	c := j.truth.sent[o][n]
	return c.change.Quarantine != 0 && !c.mayApply
}

// devices: what an application was told is durable is at the hub, once, as it
// was made, or in quarantine, or still with its device (G1, G2, G6).
func (j *judging) devices() {
	for _, d := range j.history.devices {
		waiting := map[place]map[uint64]bool{}
		_, lines, err := d.outbox()
		j.fail(err)
		for _, l := range lines {
			at := place{l.Store, l.Epoch}
			if waiting[at] == nil {
				waiting[at] = map[uint64]bool{}
			}
			waiting[at][l.N] = true
		}
		for at, made := range d.made {
			if at.store == j.truth.id {
				j.device(d, at, made, waiting[at])
			}
		}
	}
}

func (j *judging) device(d *device, at place, all map[uint64]made, waiting map[uint64]bool) {
	o := records.Origin{Epoch: at.epoch, Site: d.site.id, Replica: d.db.Replica()}
	settled := j.settled(o)
	for n, m := range all {
		w := &m.write
		c := sitesync.Change{Op: w.Op, Table: w.Table, ID: w.ID, Data: w.Data}
		got, came := j.truth.sent[o][n]
		switch {
		case n > settled && !waiting[n]:
			j.say("%s: change %d of epoch %s is lost: %+v", d.name, n, at.epoch, c)
		case n > settled && (!d.lost || d.imported):
			j.say("%s: change %d of epoch %s is not at the hub", d.name, n, at.epoch)
		case n > settled:
		case came && !same(&got.change, &c):
			j.say("%s: change %d of epoch %s was %+v and came as %+v", d.name, n, at.epoch, c, got.change)
		case came:
			if q, refused := j.refused(o, n); refused {
				if kept := changeOf(&q); !same(&kept, &c) {
					j.say("%s: change %d of epoch %s was %+v and is in quarantine as %+v", d.name, n, at.epoch, c, kept)
				}
			}
		case !d.imported:
			j.say("%s: change %d of epoch %s is settled and never came", d.name, n, at.epoch)
		}
	}
}

// replay: the records are what comes out when each change that was applied is
// made once, in its order (G2).
func (j *judging) replay() {
	want := map[wire.Key]string{}
	make := func(c *sitesync.Change) {
		key := wire.Key{Table: c.Table, ID: c.ID}
		if delete(want, key); c.Op == sitesync.OpPut {
			want[key] = string(c.Data)
		}
	}
	byEpoch := map[sitesync.Epoch][]records.Origin{}
	epochs := map[sitesync.Epoch]bool{}
	for o := range j.truth.sent {
		byEpoch[o.Epoch] = append(byEpoch[o.Epoch], o)
		epochs[o.Epoch] = true
	}
	for e := range j.truth.central {
		epochs[e] = true
	}
	for _, e := range slices.Sorted(maps.Keys(epochs)) {
		for i := range j.truth.central[e] {
			make(&j.truth.central[e][i])
		}
		for _, o := range byEpoch[e] {
			for n := uint64(1); n <= j.settled(o); n++ {
				c, came := j.truth.sent[o][n]
				_, refused := j.refused(o, n)
				switch {
				case refused || j.covered(o, n):
				case !came:
					j.say("change %d of %v is settled and never came", n, o)
				default:
					make(&c.change)
				}
			}
		}
	}
	if there := j.records(); !maps.Equal(there, want) {
		j.say("the records are %v and should be %v", there, want)
	}
}

// handovers: who gave a store up for good has nothing of that epoch in
// quarantine, and nobody wrote in an epoch that was over without force (G3).
func (j *judging) handovers() {
	err := j.db.Handovers(j.truth.id, 0, func(it sitesync.Handover) (bool, error) {
		if it.Drained == nil || it.Forced != "" || it.FromEpoch == 0 {
			return true, nil
		}
		for key := range j.items {
			if key.epoch == it.FromEpoch && key.site == it.From {
				j.say("handover %d was drained, and change %d of epoch %s came later", it.ID, key.n, key.epoch)
			}
		}
		return true, nil
	})
	j.fail(err)
	for _, a := range j.truth.arrows {
		if a.next.Epoch == a.was.Epoch || !peaceful(&a) {
			continue
		}
		for _, d := range j.history.devices {
			for n, m := range d.made[place{j.truth.id, a.was.Epoch}] {
				if m.at.After(a.at) {
					j.say("%s wrote change %d of epoch %s at %s, and the epoch was over at %s: %+v", d.name, n, a.was.Epoch, m.at, a.at, a.next.Handover)
				}
			}
		}
	}
}

// peaceful reports whether an epoch was over with nobody left who could write
// in it: drained, or after a lease.
func peaceful(a *arrow) bool {
	was := a.was.Handover
	if a.was.Phase != sitesync.PhaseDraining || was == nil || a.was.Replica != a.next.Replica && a.next.Owner == a.was.Owner {
		return false
	}
	if now := a.next.Handover; now != nil && now.ID == was.ID {
		return now.Drained != nil && now.Forced == "" || now.Forced == sitesync.ForcedByLease
	}
	return false
}

// told: what was refused shows at the device, as unrest has seen, and at the
// site (G9).
func (h *history) told(items map[sitesync.StoreID]map[quarantinedKey]sitesync.Quarantined) {
	for _, s := range h.sites {
		all := 0
		for _, id := range h.stores {
			own := false
			for key, q := range items[id] {
				if key.site == s.id && !q.State.Decided() {
					o := records.Origin{Site: s.id, Epoch: key.epoch, Replica: s.device.db.Replica()}
					own = own || h.truth.store(id).sent[o][key.n].change.Table != ""
					all++
				}
			}
			if _, known := s.device.db.Store(id); own && !known {
				h.fail(fmt.Errorf("store %d: %s knows nothing of its undecided changes in quarantine", id, s.device.name))
			}
		}
		var shown struct{ Site sitesync.Site }
		h.fail(h.command("site.get", map[string]any{"site": s.id}, &shown))
		if all > 0 && shown.Site.Problem == nil { // that, or what is worse
			h.fail(fmt.Errorf("%s has %d changes in quarantine, and no problem", s.name, all))
		}
	}
}

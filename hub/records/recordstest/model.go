package recordstest

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var modelTests = []test{{"Model", runModel}}

// runModel does random things to a store and holds it against a plain map.
func runModel(f *fixture) {
	next := store
	rapid.Check(f.T, func(t *rapid.T) {
		next++
		m := &model{T: t, s: f.State, store: next, data: map[wire.Key]string{}}
		m.Repeat(map[string]func(*rapid.T){
			"write":    m.write,
			"push":     m.push,
			"diverge":  m.diverge,
			"move":     m.move,
			"activate": m.activate,
			"edit":     m.edit,
			"follow":   m.follow,
			"read":     m.read,
			"sweep":    m.sweep,
			"":         m.check,
		})
		m.checkReceipts()
	})
}

// model is what a store should be: a map, and who wrote how far.
type model struct {
	*rapid.T
	s       records.State
	store   sitesync.StoreID
	data    map[wire.Key]string
	meta    records.Meta // as of the last transition; its owner, epoch and phase
	writers []*modelWriter
	readers []*modelReader
}

// modelWriter is a device, and what became of its changes.
type modelWriter struct {
	*Device
	settled uint64
	refused map[uint64]sitesync.Reason
}

// modelReader follows the log. An owner's reader leaves its own changes out
// and so has to know them.
type modelReader struct {
	at   wire.Cursor
	own  sitesync.Epoch
	view map[wire.Key]string
}

var (
	keys = rapid.Custom(func(t *rapid.T) wire.Key {
		return wire.Key{Table: rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(t, "table"), ID: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id")}
	})
	datas = rapid.SampledFrom([]string{`{}`, `{"n":1}`, `{"n":22}`})
)

func (m *model) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// writer draws a device, mostly the newest.
func (m *model) writer() *modelWriter {
	if len(m.writers) == 0 {
		m.Skip("nobody has written")
	}
	return m.writers[len(m.writers)-1-min(rapid.IntRange(0, 3).Draw(m.T, "writers back"), len(m.writers)-1)]
}

func (m *model) current(w *modelWriter) bool {
	return w.Origin == m.meta.Origin() && m.meta.Phase == sitesync.PhaseActive
}

// write lets a device make changes, faulty ones too.
func (m *model) write(*rapid.T) {
	w := m.writer()
	for range rapid.IntRange(1, 5).Draw(m.T, "changes") {
		k := keys.Draw(m.T, "key")
		c := sitesync.Change{Op: sitesync.OpPut, Table: k.Table, ID: k.ID, Data: []byte(datas.Draw(m.T, "data"))}
		switch rapid.IntRange(0, 9).Draw(m.T, "kind") {
		case 0, 1, 2:
			c.Op, c.Data = sitesync.OpDelete, nil
		case 3:
			c.Data = []byte(`bad`)
		case 4:
			c.To = "N2"
		}
		w.Add(c)
	}
}

// batch draws a part of what a device has made.
func (m *model) batch(w *modelWriter) records.Batch {
	if w.Last() == 0 {
		m.Skip("nothing was written")
	}
	from := rapid.Uint64Range(1, min(w.settled+2, w.Last())).Draw(m.T, "from")
	b := w.Batch(from, rapid.Uint64Range(from, w.Last()).Draw(m.T, "through"))
	b.After = rapid.Uint64Range(0, w.settled).Draw(m.T, "after")
	return b
}

// push applies a part, which may have been sent before, and does the same to
// the map.
func (m *model) push(*rapid.T) {
	w := m.writer()
	b := m.batch(w)
	last := b.First + uint64(len(b.Changes)) - 1
	want := records.Result{Outcome: wire.Settled, Settled: w.settled}
	if b.First > w.settled+1 {
		want.Outcome = wire.Gap
	} else {
		for n := w.settled + 1; n <= last; n++ {
			if m.take(w, n) {
				want.Applied++
			} else {
				want.Refused++
			}
		}
		w.settled = max(w.settled, last)
		want.Settled = w.settled
	}
	res, err := m.s.Apply(b)
	m.must(err)
	if res.Outcome != want.Outcome || res.Settled != want.Settled || res.Applied != want.Applied || res.Refused != want.Refused ||
		res.Chain != w.Chain(w.settled) || res.Told != res.Settled {
		m.Fatalf("changes %d to %d after %d: %+v, want %+v", b.First, last, b.After, res, want)
	}
	m.told(w, res, b.After)
}

// take does change n of a device to the map, unless it has to be refused.
func (m *model) take(w *modelWriter, n uint64) bool {
	c := w.changes[n-1]
	reason := fault(c)
	switch {
	case m.current(w):
	case w.Origin.Site == m.meta.Owner || m.owned(w):
		reason = sitesync.ReasonStaleEpoch
	default:
		reason = sitesync.ReasonNotOwner
	}
	if reason != 0 {
		w.refused[n] = reason
		return false
	}
	k := wire.Key{Table: c.Table, ID: c.ID}
	apply(m.data, k, c)
	for _, r := range m.readers {
		if r.own == w.Origin.Epoch {
			apply(r.view, k, c)
		}
	}
	return true
}

func fault(c sitesync.Change) sitesync.Reason {
	switch {
	case string(c.Data) == `bad`:
		return sitesync.ReasonSchema
	case c.To != "":
		return sitesync.ReasonTarget
	}
	return 0
}

// owned tells whether the store was ever a writer's: strangers are not.
func (m *model) owned(w *modelWriter) bool { return w.Origin.Replica != (sitesync.ReplicaID{9}) }

func apply(to map[wire.Key]string, k wire.Key, c sitesync.Change) {
	if c.Op == sitesync.OpDelete {
		delete(to, k)
	} else {
		to[k] = string(c.Data)
	}
}

// told holds what is told of refused changes against what was refused.
func (m *model) told(w *modelWriter, res records.Result, after uint64) {
	var want []uint64
	for _, n := range slices.Sorted(maps.Keys(w.refused)) {
		if n > after && res.Outcome != wire.Diverged {
			want = append(want, n)
		}
	}
	var got []uint64
	for _, q := range res.Quarantined {
		got = append(got, q.N)
		c := w.changes[q.N-1]
		data, present := m.data[wire.Key{Table: c.Table, ID: c.ID}]
		if w.Origin.Site != m.meta.Owner {
			data, present = "", false
		}
		// What came later in the same batch may have changed the record again.
		if q.N >= res.Settled && (q.Present != present || string(q.Data) != data) || q.Reason != w.refused[q.N] {
			m.Fatalf("told %+v of change %d, the record is %q, the reason %v", q, q.N, data, w.refused[q.N])
		}
	}
	if !slices.Equal(got, want) {
		m.Fatalf("told of %v after %d, want %v", got, after, want)
	}
}

// diverge sends a history that is not the device's.
func (m *model) diverge(*rapid.T) {
	w := m.writer()
	b := m.batch(w)
	last := b.First + uint64(len(b.Changes)) - 1
	if b.First > w.settled+1 || last < w.settled {
		m.Skip("that is not compared")
	}
	b.Chain[0]++
	res, err := m.s.Apply(b)
	m.must(err)
	if res.Outcome != wire.Diverged || res.Settled != w.settled || res.Applied+res.Refused != 0 {
		m.Fatalf("another history of %d to %d: %+v", b.First, last, res)
	}
}

// transition makes the next meta.
func (m *model) transition(change func(next *records.Meta)) {
	now, _, err := m.s.Meta(m.store)
	m.must(err)
	next := now
	next.Store = m.store
	change(&next)
	if m.meta, err = m.s.Transition(now.Version, next, nil); err != nil {
		m.Fatal(err)
	}
}

// move begins a new epoch, at a device or at the centre, and with it a device
// that has no business there.
func (m *model) move(*rapid.T) {
	site := rapid.SampledFrom([]sitesync.SiteID{sitesync.CentralSite, nadi, suva}).Draw(m.T, "site")
	m.transition(func(next *records.Meta) {
		next.Owner, next.Phase, next.Epoch, next.Replica = site, sitesync.PhaseActive, next.Epoch.Next(1), sitesync.ReplicaID{}
		if site != sitesync.CentralSite {
			next.Replica = rapid.SampledFrom([]sitesync.ReplicaID{first, second}).Draw(m.T, "replica")
			next.Phase = rapid.SampledFrom([]sitesync.Phase{sitesync.PhaseActive, sitesync.PhaseLoading}).Draw(m.T, "phase")
		}
	})
	if site == sitesync.CentralSite {
		return
	}
	origins := []records.Origin{m.meta.Origin()}
	if rapid.Bool().Draw(m.T, "stranger") {
		origins = append(origins, records.Origin{Epoch: m.meta.Epoch, Site: 99, Replica: sitesync.ReplicaID{9}})
	}
	for _, o := range origins {
		m.writers = append(m.writers, &modelWriter{Device: NewDevice(m.store, o), refused: map[uint64]sitesync.Reason{}})
	}
	m.readers = append(m.readers, &modelReader{at: m.meta.PinnedHead(), own: m.meta.Epoch, view: maps.Clone(m.data)})
}

func (m *model) activate(*rapid.T) {
	if m.meta.Phase != sitesync.PhaseLoading {
		m.Skip("nothing is loading")
	}
	m.transition(func(next *records.Meta) { next.Phase = sitesync.PhaseActive })
}

func (m *model) edit(*rapid.T) {
	if m.meta.Owner != sitesync.CentralSite {
		m.Skip("not at the centre")
	}
	k := keys.Draw(m.T, "key")
	old, exists := m.data[k]
	c := sitesync.Change{Op: sitesync.OpPut, Table: k.Table, ID: k.ID, Data: []byte(datas.Draw(m.T, "data"))}
	if rapid.Bool().Draw(m.T, "delete") {
		c.Op, c.Data = sitesync.OpDelete, nil
	}
	match := rapid.SampledFrom([]string{"", "*", sitesync.ETag([]byte(`{}`))}).Draw(m.T, "if match")
	want := sitesync.Code("")
	switch {
	case c.Op == sitesync.OpDelete && !exists:
		want = sitesync.CodeNotFound
	case match != "" && !exists, match != "" && match != "*" && old != `{}`:
		want = sitesync.CodeConflict
	}
	_, err := m.s.Edit(records.Edit{Store: m.store, Change: c, IfMatch: match, At: time.Now()})
	if sitesync.CodeOf(err) != want {
		m.Fatalf("%v %v if match %q, where there is %q: %v", c.Op, k, match, old, err)
	}
	if err == nil {
		apply(m.data, k, c)
	}
}

// follow begins to read the log from its beginning.
func (m *model) follow(*rapid.T) {
	if len(m.readers) < 6 {
		m.readers = append(m.readers, &modelReader{view: map[wire.Key]string{}})
	}
}

// read reads one page.
func (m *model) read(*rapid.T) {
	if len(m.readers) == 0 || m.meta.Version == 0 {
		m.Skip("nobody reads")
	}
	m.page(rapid.SampledFrom(m.readers).Draw(m.T, "reader"), rapid.IntRange(1, 4).Draw(m.T, "records"))
}

func (m *model) page(r *modelReader, limit int) (more bool) {
	now, _, err := m.s.Meta(m.store)
	m.must(err)
	page, err := m.s.Changes(m.store, r.at, records.Filter{Own: r.own}, records.Limit{Records: limit, Bytes: 1 << 20})
	m.must(err)
	mayMiss := r.at.Seq < now.Floor && (r.own != now.Epoch || r.at.Seq < now.Foreign)
	switch {
	case page.Ahead, page.Reset != mayMiss, len(page.Changes) > limit, page.Cursor.Seq < r.at.Seq:
		m.Fatalf("from %+v with the floor at %d: %+v", r.at, now.Floor, page)
	case page.Reset:
		*r = modelReader{at: now.Head(), view: maps.Clone(m.data)} // a resync
		return false
	}
	for _, c := range page.Changes {
		apply(r.view, wire.Key{Table: c.Table, ID: c.ID}, c)
	}
	r.at = page.Cursor
	return page.More
}

// sweep removes every tombstone there is.
func (m *model) sweep(*rapid.T) {
	_, err := m.s.Sweep(m.store, long())
	m.must(err)
}

// check holds the store against the map after every step.
func (m *model) check(*rapid.T) {
	now, ok, err := m.s.Meta(m.store)
	m.must(err)
	page, err := m.s.Scan(m.store, wire.Key{}, records.Limit{Records: 1000, Bytes: 1 << 20})
	m.must(err)
	bytes, digest, got := int64(0), sitesync.Digest{}, map[wire.Key]string{}
	for _, c := range page.Records {
		got[wire.Key{Table: c.Table, ID: c.ID}] = string(c.Data)
	}
	for k, data := range m.data {
		bytes += int64(len(data))
		digest.Add(sitesync.NewHasher().Record(k.Table, k.ID, []byte(data)))
	}
	if !maps.Equal(got, m.data) {
		m.Fatalf("the records are %v, want %v", got, m.data)
	}
	if ok && (now.Records != int64(len(m.data)) || now.Bytes != bytes || now.Digest != digest || now.Epoch != m.meta.Epoch) {
		m.Fatalf("the meta is %+v; %d records, %d bytes, digest %s", now, len(m.data), bytes, digest)
	}
}

// checkReceipts brings every reader to the head and asks for every receipt, at
// the end.
func (m *model) checkReceipts() {
	for i, r := range m.readers {
		if m.meta.Version == 0 {
			break
		}
		for m.page(r, 2) {
		}
		if !maps.Equal(r.view, m.data) {
			m.Fatalf("reader %d, without epoch %s, has %v, the records are %v", i, r.own, r.view, m.data)
		}
	}
	for _, w := range m.writers {
		res, err := m.s.Settled(m.store, w.Origin, 0)
		m.must(err)
		if res.Settled != w.settled || res.Chain != w.Chain(w.settled) {
			m.Fatalf("settled %d of %v, want %d", res.Settled, w.Origin, w.settled)
		}
		m.told(w, res, 0)
	}
}

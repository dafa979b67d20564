package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// hub is an obedient hub. Tests change what it is, and what comes and goes.
type hub struct {
	t *testing.T

	mu          sync.Mutex
	id          [16]byte
	generation  uint32
	site        sitesync.SiteID
	name        string
	password    string
	credentials map[string]bool // known ones
	issued      int
	refused     wire.Refused // why devices are refused
	connack     byte         // what CONNECT is refused with
	limits      wire.Limits
	addresses   []string
	stores      map[sitesync.StoreID]*hubStore
	links       []*wireLink
	forgetful   bool // knows no credential
	mute        bool // answers no SUBSCRIBE
	pages       int  // of an assignment; 0 is one

	// Scripts: they see a frame before the hub or the engine does, and keep it
	// away with false. They are called with the hub locked.
	up   func(kind topic.Kind, h wire.Header, frame []byte) bool
	back func(kind topic.Kind, h wire.Header, frame []byte) bool

	count    map[topic.Kind]int // frames that came
	pushed   []wire.Push        // that came
	requests []wire.ResyncRequest
	violated []string // rules that the engine broke
}

// hubStore is a store.
type hubStore struct {
	id       sitesync.StoreID
	code     string
	epoch    sitesync.Epoch
	phase    sitesync.Phase
	handover uint64
	gone     bool // not the site's
	held     bool // in every session

	settled map[sitesync.Epoch]uint64
	chains  map[sitesync.Epoch][]sitesync.Chain // c(0), c(1), …
	applied []string                            // changes in the order they were applied

	log     wire.LogID
	entries []hubEntry
	pin     uint64
	records map[wire.Key][]byte
	refused map[sitesync.Epoch]map[uint64]wire.Refusal
	unequal int // so many digests are answered as unequal
	loaded  int // times it was reported
}

type hubEntry struct {
	epoch  sitesync.Epoch
	change sitesync.Change
}

// hubSession is the hub's side of a link.
type hubSession struct {
	number   uint64
	filters  []string
	greeted  bool
	password bool
	hello    []*wire.Hello
	replica  sitesync.ReplicaID
	assigned uint64
	pull     *hubStream
	loads    map[sitesync.StoreID]*hubStream
	inFlight map[sitesync.StoreID]int
}

type hubStream struct {
	id      uint32
	spent   uint64
	cursors []wire.StoreCursor
	next    wire.Key
	done    bool
}

func newHub(t *testing.T) *hub {
	return &hub{t: t, id: [16]byte{1}, generation: 1, site: 6, name: "Nadi", password: "secret", credentials: map[string]bool{},
		limits: wire.Limits{BatchChanges: 500, BatchBytes: 4 << 20, WindowBatches: 8, WindowBytes: 4 << 20, CreditBytes: 4 << 20},
		stores: map[sitesync.StoreID]*hubStore{}, count: map[topic.Kind]int{}}
}

// add gives the site a store with records.
func (h *hub) add(id sitesync.StoreID, code string, records ...sitesync.Change) *hubStore {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &hubStore{id: id, code: code, epoch: sitesync.NewEpoch(1, 1), log: wire.LogID{byte(id), 9},
		settled: map[sitesync.Epoch]uint64{}, chains: map[sitesync.Epoch][]sitesync.Chain{},
		records: map[wire.Key][]byte{}, refused: map[sitesync.Epoch]map[uint64]wire.Refusal{}}
	h.stores[id] = s
	for i := range records {
		s.write(&records[i], 0)
	}
	s.move()
	return s
}

// move begins an epoch, in which the store is delivered to the site.
func (s *hubStore) move() {
	s.epoch, s.phase, s.pin = s.epoch.Next(1), sitesync.PhaseLoading, uint64(len(s.entries))
	s.handover++
}

func (s *hubStore) write(c *sitesync.Change, epoch sitesync.Epoch) {
	s.entries = append(s.entries, hubEntry{epoch, *c})
	key := wire.Key{Table: c.Table, ID: c.ID}
	if c.Op == sitesync.OpPut {
		s.records[key] = c.Data
	} else {
		delete(s.records, key)
	}
}

func (s *hubStore) head() wire.Cursor { return wire.Cursor{Log: s.log, Seq: uint64(len(s.entries))} }

func (s *hubStore) digest() (d sitesync.Digest) {
	hasher := sitesync.NewHasher()
	for key, data := range s.records {
		d.Add(hasher.Record(key.Table, key.ID, data))
	}
	return d
}

func (s *hubStore) chain(epoch sitesync.Epoch) []sitesync.Chain {
	if s.chains[epoch] == nil {
		s.chains[epoch] = make([]sitesync.Chain, 1)
	}
	return s.chains[epoch]
}

// connect answers a CONNECT.
func (h *hub) connect(l *wireLink) (*hubSession, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	secret := string(l.config.Password)
	byCredential := strings.HasPrefix(secret, "ssc1_")
	switch {
	case h.connack != 0:
		return nil, &link.RefusedError{Code: h.connack}
	case byCredential && (h.forgetful || !h.credentials[secret]), !byCredential && (secret != h.password || l.config.Username != "site/"+h.name):
		return nil, &link.RefusedError{Code: 4}
	}
	for _, older := range h.links {
		if h.refused == 0 {
			older.cut(errCut)
		}
	}
	h.links = append(h.links, l)
	return &hubSession{number: uint64(len(h.links)), password: !byCredential, loads: map[sitesync.StoreID]*hubStream{},
		inFlight: map[sitesync.StoreID]int{}}, nil
}

func (h *hub) subscribe(ctx context.Context, l *wireLink, filters []string) error {
	h.mu.Lock()
	mute := h.mute
	h.mu.Unlock()
	if mute {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.done:
			return l.err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var denied []string
	for _, f := range filters {
		if isWelcome(f) || h.refused == 0 && strings.Contains(f, "/site/"+h.site.String()+"/") {
			l.session.filters = append(l.session.filters, f)
		} else {
			denied = append(denied, f)
		}
	}
	if denied != nil {
		return refused(denied)
	}
	return nil
}

// take takes a message of the engine.
func (h *hub) take(l *wireLink, topicName string, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kind := topic.Parse(topicName).Kind
	h.count[kind]++
	head, err := wire.ParseHeader(frame)
	if err != nil {
		h.broke("a frame that cannot be read: %v", err)
		return
	}
	if h.up != nil && !h.up(kind, head, frame) {
		return
	}
	s := l.session
	if kind == topic.Hello {
		h.helloed(l, frame)
		return
	}
	if !s.greeted || head.Session != s.number {
		h.broke("a %v of session %d in session %d", head.Kind, head.Session, s.number)
		return
	}
	switch kind {
	case topic.Push:
		h.push(l, head.Store, decode[wire.Push](h, frame))
	case topic.Pull:
		h.pull(l, decode[wire.Pull](h, frame))
	case topic.ResyncRequest:
		h.resync(l, head.Store, decode[wire.ResyncRequest](h, frame))
	case topic.Handover:
		h.loaded(l, head.Store, decode[wire.Handover](h, frame))
	}
}

func (h *hub) broke(format string, args ...any) {
	h.violated = append(h.violated, format)
	h.t.Errorf("the engine sent "+format, args...)
}

func decode[M any, P interface {
	*M
	wire.Decoder
}](h *hub, frame []byte) *M {
	_, m, err := wire.Decode[M, P](frame)
	if err != nil {
		h.t.Errorf("the engine sent a bad frame: %v", err)
		return new(M)
	}
	return m
}

// send sends a message to the engine, if it hears it.
func (h *hub) send(l *wireLink, kind topic.Kind, store sitesync.StoreID, m wire.Message) (bytes int) {
	number, t := l.session.number, topic.ForSite(h.site, kind)
	switch kind {
	case topic.Welcome:
		number, t = 0, topic.ForDevice(l.config.ClientID, kind)
	case topic.Resync:
		t = topic.ForResync(h.site, store)
	}
	frame := wire.Encode(number, store, m)
	head, err := wire.ParseHeader(frame)
	if err != nil {
		panic(err)
	}
	hears := slices.ContainsFunc(l.session.filters, func(f string) bool {
		return f == t || strings.HasSuffix(f, "/+") && strings.HasPrefix(t, strings.TrimSuffix(f, "+"))
	})
	if hears && (h.back == nil || h.back(kind, head, frame)) {
		l.back.put(t, frame)
	}
	return len(frame)
}

func (h *hub) helloed(l *wireLink, frame []byte) {
	s := l.session
	if h.refused != 0 {
		h.send(l, topic.Welcome, 0, &wire.Welcome{Refused: h.refused, Time: time.Now()})
		return
	}
	page := decode[wire.Hello](h, frame)
	if s.greeted {
		return
	}
	if page.Page == 0 {
		s.hello = nil
	}
	if s.hello = append(s.hello, page); uint32(len(s.hello)) < page.Pages {
		return
	}
	s.greeted, s.replica = true, s.hello[0].Replica
	w := &wire.Welcome{Time: time.Now(), Session: s.number, Site: h.site, Name: h.name, Code: "NAD", Hub: h.id, Generation: h.generation, Limits: h.limits}
	if s.password {
		h.issued++
		w.Credential = "ssc1_" + strings.Repeat("x", h.issued)
		h.credentials[w.Credential] = true
	}
	pages := h.assignment(l)
	w.Assignment = *pages[0]
	h.send(l, topic.Welcome, 0, w)
	if len(pages) > 1 {
		h.assign(l)
	}
	for id, st := range h.stores {
		if st.held {
			h.send(l, topic.Receipt, id, &wire.Receipt{Epoch: st.epoch, Outcome: wire.Held})
		}
	}
}

func (h *hub) assignment(l *wireLink) []*wire.Assignment {
	l.session.assigned++
	a := wire.Assignment{Version: l.session.assigned, Pages: 1, Addresses: h.addresses}
	for _, id := range slices.Sorted(maps.Keys(h.stores)) {
		st := h.stores[id]
		if st.gone {
			continue
		}
		chain := st.chain(st.epoch)
		a.Stores = append(a.Stores, wire.AssignedStore{Store: id, Code: st.code, Name: st.code, Epoch: st.epoch, Phase: st.phase, Handover: st.handover,
			Settled: st.settled[st.epoch], Chain: chain[st.settled[st.epoch]], Head: st.head(), Records: uint64(len(st.records))})
	}
	if h.pages <= 1 {
		return []*wire.Assignment{&a}
	}
	var pages []*wire.Assignment
	for i := range h.pages {
		page := a
		page.Page, page.Pages, page.Stores = uint32(i), uint32(h.pages), nil
		if i < len(a.Stores) {
			page.Stores = a.Stores[i : i+1]
		}
		pages = append(pages, &page)
	}
	return pages
}

// assign tells the engine its stores.
func (h *hub) assign(l *wireLink) {
	for _, page := range h.assignment(l) {
		h.send(l, topic.Assignment, 0, page)
	}
}

func (h *hub) push(l *wireLink, store sitesync.StoreID, m *wire.Push) {
	h.pushed = append(h.pushed, *m)
	if len(m.Changes) > int(h.limits.BatchChanges) || size(m.Changes) > int(h.limits.BatchBytes) && len(m.Changes) > 1 {
		h.broke("a batch of %d changes and %d bytes", len(m.Changes), size(m.Changes))
	}
	st := h.stores[store]
	if st == nil {
		return
	}
	h.send(l, topic.Receipt, store, h.apply(st, m))
}

func (h *hub) apply(st *hubStore, m *wire.Push) *wire.Receipt {
	if st.held {
		return &wire.Receipt{Epoch: m.Epoch, Outcome: wire.Held}
	}
	chain, settled := st.chain(m.Epoch), st.settled[m.Epoch]
	answer := func(o wire.Outcome) *wire.Receipt {
		r := &wire.Receipt{Epoch: m.Epoch, Outcome: o, Settled: st.settled[m.Epoch], Chain: chain[st.settled[m.Epoch]], After: m.Confirmed, Head: st.head()}
		for _, n := range slices.Sorted(maps.Keys(st.refused[m.Epoch])) {
			if q := st.refused[m.Epoch][n]; n > m.Confirmed && n <= r.Settled {
				q.Data, q.Present = st.records[wire.Key{Table: q.Table, ID: q.ID}], st.records[wire.Key{Table: q.Table, ID: q.ID}] != nil
				r.Quarantined = append(r.Quarantined, q)
			}
		}
		return r
	}
	switch {
	case m.Confirmed > settled:
		return answer(wire.Diverged)
	case m.First > settled+1:
		return answer(wire.Gap)
	}
	hasher := sitesync.NewHasher()
	at := m.Chain
	if chain[m.First-1] != at {
		return answer(wire.Diverged)
	}
	for i := range m.Changes {
		c, n := &m.Changes[i], m.First+uint64(i)
		at = hasher.Next(at, c, hasher.Record(c.Table, c.ID, c.Data))
		if n <= settled {
			if chain[n] != at {
				return answer(wire.Diverged)
			}
			continue
		}
		chain = append(chain, at)
		st.chains[m.Epoch], st.settled[m.Epoch] = chain, n
		if m.Epoch != st.epoch || st.phase == sitesync.PhaseLoading || strings.Contains(string(c.Data), "refuse me") {
			if st.refused[m.Epoch] == nil {
				st.refused[m.Epoch] = map[uint64]wire.Refusal{}
			}
			st.refused[m.Epoch][n] = wire.Refusal{N: n, Reason: sitesync.ReasonStaleEpoch, Table: c.Table, ID: c.ID}
			continue
		}
		st.write(c, m.Epoch)
		st.applied = append(st.applied, c.ID+string(c.Data))
	}
	return answer(wire.Settled)
}

func (h *hub) pull(l *wireLink, m *wire.Pull) {
	s := l.session
	if s.pull == nil || s.pull.id != m.Stream {
		s.pull = &hubStream{id: m.Stream, cursors: m.Cursors}
		if len(m.Cursors) == 0 {
			h.send(l, topic.Changes, 0, &wire.Changes{Stream: m.Stream, Last: true})
		}
	}
	p := s.pull
	h.checkCredit(p, m.Credit)
	for p.spent < m.Credit && len(p.cursors) > 0 {
		c := &p.cursors[0]
		st := h.stores[c.Store]
		out := &wire.Changes{Stream: p.id, From: c.Cursor, Cursor: c.Cursor, Spent: p.spent}
		more := false
		switch {
		case st.held || st.epoch != c.Epoch:
		case c.Cursor.Log != st.log:
			out.Reset = true
		default:
			const most = 20
			for seq := c.Cursor.Seq; seq < uint64(len(st.entries)); seq++ {
				if more = len(out.Changes) == most; more {
					break
				}
				if e := st.entries[seq]; e.epoch != c.Epoch {
					out.Changes = append(out.Changes, e.change)
				}
				out.Cursor.Seq = seq + 1
			}
		}
		c.Cursor = out.Cursor
		store := c.Store
		if !more {
			p.cursors = p.cursors[1:]
		}
		out.Last = len(p.cursors) == 0
		p.spent += uint64(h.send(l, topic.Changes, store, out))
	}
}

func (h *hub) checkCredit(p *hubStream, credit uint64) {
	if credit > p.spent+uint64(h.limits.CreditBytes) {
		h.broke("a credit of %d where %d is spent", credit, p.spent)
	}
}

func (h *hub) resync(l *wireLink, store sitesync.StoreID, m *wire.ResyncRequest) {
	h.requests = append(h.requests, *m)
	st, s := h.stores[store], l.session
	if st == nil || st.held || st.epoch != m.Epoch || st.phase != sitesync.PhaseLoading {
		h.send(l, topic.Resync, store, &wire.Chunk{Epoch: m.Epoch, Stream: m.Stream, Gone: true})
		return
	}
	p := s.loads[store]
	if p == nil || p.id != m.Stream {
		p = &hubStream{id: m.Stream, next: m.After}
		s.loads[store] = p
		if m.Head.IsZero() {
			head := wire.Cursor{Log: st.log, Seq: st.pin}
			p.spent += uint64(h.send(l, topic.Resync, store, &wire.Manifest{Handover: st.handover, Epoch: st.epoch, Head: head,
				Records: uint64(len(st.records)), Stream: p.id}))
		}
	}
	h.checkCredit(p, m.Credit)
	for p.spent < m.Credit && !p.done {
		chunk := &wire.Chunk{Epoch: st.epoch, Stream: p.id, After: p.next, Spent: p.spent, Last: true}
		for _, key := range slices.SortedFunc(maps.Keys(st.records), wire.Key.Compare) {
			if key.Compare(p.next) <= 0 {
				continue
			}
			if len(chunk.Records) == 20 {
				chunk.Last = false
				break
			}
			chunk.Records = append(chunk.Records, sitesync.Change{Op: sitesync.OpPut, Table: key.Table, ID: key.ID, Data: st.records[key]})
			chunk.Through = key
		}
		p.next, p.done = chunk.Through, chunk.Last
		p.spent += uint64(h.send(l, topic.Resync, store, chunk))
	}
}

func (h *hub) loaded(l *wireLink, store sitesync.StoreID, m *wire.Handover) {
	st := h.stores[store]
	switch {
	case st == nil || st.epoch != m.Epoch || st.handover != m.Handover || m.Replica != l.session.replica:
	case st.phase == sitesync.PhaseActive:
		h.assign(l)
	case m.Cursor != st.head():
		h.broke("loaded at %v, the head is %v", m.Cursor, st.head())
	default:
		st.loaded++
		if st.unequal > 0 {
			st.unequal--
			h.send(l, topic.Resync, store, &wire.Chunk{Epoch: m.Epoch, Gone: true})
			return
		}
		if m.Digest != st.digest() {
			h.broke("loaded with a digest that is not the hub's")
		}
		st.phase = sitesync.PhaseActive
		h.assign(l)
	}
}

// live is the newest link.
func (h *hub) live() *wireLink {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.links) == 0 {
		return nil
	}
	return h.links[len(h.links)-1]
}

// do runs fn with the hub locked.
func (h *hub) do(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn()
}

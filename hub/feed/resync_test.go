package feed

import (
	"errors"
	"testing"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// loader is the device's end of a resync.
type loader struct {
	*rig
	stream   uint32
	spent    uint64
	manifest *wire.Manifest
	after    wire.Key
	records  []sitesync.Change
	last     bool
	gone     bool
}

func (r *rig) loader(stream uint32) *loader { return &loader{rig: r, stream: stream} }

// ask sends a request and takes the answers in, as an agent does.
func (d *loader) ask(credit uint64) {
	d.Helper()
	m := &wire.ResyncRequest{Epoch: d.meta(store).Epoch, Stream: d.stream, Credit: credit, After: d.after}
	if d.manifest != nil {
		m.Head = d.manifest.Head
	}
	d.send(m)
}

func (d *loader) send(m *wire.ResyncRequest) {
	d.Helper()
	out, err := d.Resync(d.Context(), d.session, wire.Encode(number, store, m))
	d.must(err)
	for _, message := range out {
		h, err := wire.ParseHeader(message.Payload)
		d.must(err)
		if wire.IsManifest(h) {
			_, got := decode[wire.Manifest](d.rig, message, topic.Resync)
			if d.manifest != nil || len(d.records) > 0 || got.Spent != d.spent || got.Stream != d.stream {
				d.Fatalf("manifest %+v", got)
			}
			d.manifest = got
		} else {
			_, got := decode[wire.Chunk](d.rig, message, topic.Resync)
			d.chunk(got)
		}
		d.spent += uint64(len(message.Payload))
	}
}

func (d *loader) chunk(c *wire.Chunk) {
	d.Helper()
	if c.Gone {
		d.gone = true
		if c.Stream != d.stream || len(c.Records) > 0 {
			d.Fatalf("chunk %+v", c)
		}
		return
	}
	if d.last || c.Stream != d.stream || c.Spent != d.spent || c.After != d.after || c.Epoch != d.meta(store).Epoch {
		d.Fatalf("chunk of stream %d, spent %d, after %v, epoch %s; want %d, %d, %v", c.Stream, c.Spent, c.After, c.Epoch, d.stream, d.spent, d.after)
	}
	for _, rec := range c.Records {
		k := wire.Key{Table: rec.Table, ID: rec.ID}
		if k.Compare(d.after) <= 0 || k.Compare(c.Through) > 0 {
			d.Fatalf("record %v in a chunk from %v through %v", k, d.after, c.Through)
		}
		d.after = k
	}
	d.records = append(d.records, c.Records...)
	d.after, d.last = c.Through, c.Last
}

// whole checks that everything has arrived.
func (d *loader) whole(n int) {
	d.Helper()
	var digest sitesync.Digest
	for _, c := range d.records {
		digest.Add(sitesync.NewHasher().Record(c.Table, c.ID, c.Data))
	}
	if m := d.meta(store); !d.last || len(d.records) != n || digest != m.Digest {
		d.Errorf("last %v, %d records, digest %s; want %d, %s", d.last, len(d.records), digest, n, m.Digest)
	}
}

func TestResyncWhole(t *testing.T) {
	for _, n := range []int{0, 1, 200} {
		r := newRig(t)
		r.central(store, n, 1000)
		m := r.give(store, site, sitesync.PhaseLoading)
		d := r.loader(1)
		d.ask(4 << 20)
		d.whole(n)
		want := wire.Manifest{Handover: 9, Epoch: m.Epoch, Head: m.PinnedHead(), Records: uint64(n), Bytes: uint64(m.Bytes), Stream: 1}
		if d.manifest == nil || *d.manifest != want {
			t.Errorf("manifest %+v, want %+v", d.manifest, want)
		}
		d.ask(4 << 20) // nothing is left
		d.whole(n)
	}
}

// TestResyncPinned names the place at which the epoch began as the head: what
// came after it is read from the log.
func TestResyncPinned(t *testing.T) {
	r := newRig(t)
	r.central(store, 3, 100)
	_, err := r.state.Edit(records.Edit{Store: store, Change: sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "late", Data: []byte(`{}`)}})
	r.must(err)
	m := r.meta(store)
	m.Owner, m.Replica, m.Phase = site, replica, sitesync.PhaseLoading
	m.Handover = &sitesync.Handover{ID: 9, Store: store, To: site, State: sitesync.HandoverLoading, Epoch: m.Epoch}
	m, err = r.state.Transition(m.Version, m, nil)
	r.must(err)
	d := r.loader(1)
	d.ask(4 << 20)
	d.whole(4)
	if d.manifest.Head != m.PinnedHead() || d.manifest.Head == m.Head() {
		t.Errorf("manifest %+v, meta %+v", d.manifest, m)
	}
}

// TestResyncCredit gives little credit at a time: the hub keeps to it, and
// goes on where it stood.
func TestResyncCredit(t *testing.T) {
	r := newRig(t)
	r.central(store, 300, 1000)
	r.give(store, site, sitesync.PhaseLoading)
	d := r.loader(1)
	const window = 40 << 10
	for rounds := 0; !d.last; rounds++ {
		before, credit := d.spent, d.spent+window
		d.ask(credit)
		if d.spent == before || d.spent > credit+leastMessage+2000 || rounds > 30 {
			t.Fatalf("round %d: %d bytes for a credit of %d", rounds, d.spent-before, window)
		}
		before = d.spent
		if d.ask(credit); d.spent > credit && d.spent != before {
			t.Fatalf("%d bytes for no more credit", d.spent-before)
		}
	}
	d.whole(300)
}

func TestResyncCreditBound(t *testing.T) {
	r := newRig(t)
	r.central(store, 10, 600_000)
	r.give(store, site, sitesync.PhaseLoading)
	d := r.loader(1)
	d.ask(1 << 62)
	if d.last || d.spent < MaxCredit || d.spent > MaxCredit+mostMessage+600_000 {
		t.Errorf("%d bytes at once, last %v", d.spent, d.last)
	}
	d.ask(1 << 62)
	d.whole(10)
}

// TestResyncResumed goes on in a new session, after any key, without a second
// manifest.
func TestResyncResumed(t *testing.T) {
	r := newRig(t)
	r.central(store, 100, 1000)
	r.give(store, site, sitesync.PhaseLoading)
	d := r.loader(1)
	d.ask(20 << 10)
	for stream := uint32(2); !d.last; stream++ {
		if len(d.records) == 0 || stream > 20 {
			t.Fatalf("stream %d, %d records", stream, len(d.records))
		}
		r.connect()
		d.stream, d.spent = stream, 0
		d.ask(20 << 10)
	}
	d.whole(100)

	// A gap: the same session begins a stream further back.
	r.connect()
	d = r.loader(1)
	d.ask(20 << 10)
	lost := r.loader(2)
	lost.manifest, lost.after, lost.records = d.manifest, wire.Key{Table: "stock", ID: "0002"}, d.records[:3]
	lost.ask(4 << 20)
	lost.whole(100)
}

// TestResyncStreamOfFormerEpoch uses the number of a stream again in the next
// epoch: it is another stream.
func TestResyncStreamOfFormerEpoch(t *testing.T) {
	r := newRig(t)
	r.central(store, 3, 100)
	r.give(store, site, sitesync.PhaseLoading)
	d := r.loader(1)
	d.ask(4 << 20)
	d.whole(3)
	r.give(store, site, sitesync.PhaseLoading)
	d = r.loader(1)
	d.ask(4 << 20)
	d.whole(3)
	if d.manifest == nil {
		t.Error("no manifest")
	}
}

// TestResyncGone asks for what there is no delivery of.
func TestResyncGone(t *testing.T) {
	r := newRig(t)
	r.central(store, 3, 100)
	m := r.give(store, site, sitesync.PhaseLoading)
	request := func(change func(*wire.ResyncRequest)) *wire.ResyncRequest {
		req := &wire.ResyncRequest{Epoch: m.Epoch, Stream: 1, Credit: 1 << 20}
		change(req)
		return req
	}
	gone := func(name string, req *wire.ResyncRequest) {
		t.Helper()
		d := r.loader(1)
		if d.send(req); !d.gone || d.manifest != nil || len(d.records) > 0 {
			t.Errorf("%s: gone %v, manifest %v, %d records", name, d.gone, d.manifest, len(d.records))
		}
	}
	plain := request(func(*wire.ResyncRequest) {})
	gone("an old epoch", request(func(q *wire.ResyncRequest) { q.Epoch-- }))
	gone("the head of another manifest", request(func(q *wire.ResyncRequest) { q.Head = m.PinnedHead(); q.Head.Seq++ }))
	gone("the head of another log", request(func(q *wire.ResyncRequest) { q.Head = wire.Cursor{Log: wire.LogID{9}, Seq: m.Pin} }))
	r.session.Replica[0]++
	gone("another replica", plain)
	r.connect()
	r.session.Hold(store, sitesync.ProblemDiverged)
	gone("held", plain)
	r.connect()
	d := r.loader(1)
	d.send(plain)
	d.whole(3)
	r.activate(store)
	gone("active", plain)
	m = r.give(store, site+1, sitesync.PhaseLoading)
	gone("another site's", request(func(*wire.ResyncRequest) {}))
	r.loader(1)
	out, err := r.Resync(t.Context(), r.session, wire.Encode(number, 99, plain))
	r.must(err)
	if _, c := decode[wire.Chunk](r, out[0], topic.Resync); len(out) != 1 || !c.Gone {
		t.Errorf("of no store: %+v", out)
	}
}

func TestResyncFault(t *testing.T) {
	r := newRig(t)
	r.central(store, 60, 1000)
	r.give(store, site, sitesync.PhaseLoading)
	f := &faulty{State: r.state}
	r.Feed = New(f, r.live, r)
	d := r.loader(1)
	d.ask(20 << 10)
	f.fail = true
	_, err := r.Resync(t.Context(), r.session, wire.Encode(number, store, &wire.ResyncRequest{Epoch: r.meta(store).Epoch, Stream: 1, Credit: 1 << 20}))
	if !errors.Is(err, errFault) {
		t.Errorf("%v", err)
	}
	f.fail = false
	d.ask(1 << 20)
	d.whole(60)
}

func TestResyncNotTaken(t *testing.T) {
	r := newRig(t)
	r.central(store, 3, 100)
	m := r.give(store, site, sitesync.PhaseLoading)
	req := &wire.ResyncRequest{Epoch: m.Epoch, Stream: 1, Credit: 1 << 20}
	for name, c := range map[string]struct {
		session *session.Session
		number  uint64
	}{
		"another session":    {r.session, number - 1},
		"before the welcome": {session.New(site, number, "client", registry.Decision{}), number},
	} {
		if out, err := r.Resync(t.Context(), c.session, wire.Encode(c.number, store, req)); err != nil || len(out) > 0 {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
	if _, err := r.Resync(t.Context(), r.session, []byte{1, 2, 3}); !errors.Is(err, wire.ErrFrame) {
		t.Errorf("a bad frame: %v", err)
	}
}

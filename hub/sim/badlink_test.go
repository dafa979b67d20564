//go:build !race

// The race detector would make minutes of this, and has the histories.

package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"sitesync/agent/localdb"
	"sitesync/shared/sample"
	"sitesync/shared/settings"
	"sitesync/shared/sitesync"
)

// usualTimings are the programs' own defaults.
func usualTimings(t *testing.T) {
	was := timings
	t.Cleanup(func() { timings = was })
	timings = settings.Timings{}
	timings.Flags(pflag.NewFlagSet("", pflag.ContinueOnError))
}

// TestMoveOverBadLink moves a store, some of it not yet sent, between two sites
// with bad links: once without a fault, and on to a third site with a cut again
// and again. The cuts may cost a tenth more bytes, of all that goes over the
// lines in both ways, those that get lost there too; and a fifth of the speed.
func TestMoveOverBadLink(t *testing.T) {
	usualTimings(t)
	for _, c := range []struct {
		name            string
		records, unsent int
		links           weather
		cutEvery        time.Duration
	}{
		{"256 kbit per s", 100_000, 1000, weather{rate: 256_000 / 8, delay: 200 * time.Millisecond}, 20 * time.Second},
		{"20 kbit per s", 8_000, 4_000, weather{rate: 20_000 / 8, delay: 300 * time.Millisecond}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := scratch(t)
			inBubble(t, func(t *testing.T) {
				h := begin(t, 1, dir)
				source := sample.New(1)
				var at [3]*device
				for i := range at {
					at[i] = h.joined(fmt.Sprintf("site%d", i+1))
				}
				h.stores = append(h.stores, h.storeAt(at[0].site))
				h.await("writable", func() bool { return at[0].writable(h.stores[0]) })
				lines := stockLines(source, c.records)
				h.write(at[0], lines)
				h.await("sent", func() bool { return at[0].db.Backlog() == 0 })

				clean := h.moveOver(c.links, at[0], at[1], anew(source, lines[:c.unsent]))
				c.links.every = c.cutEvery
				cut := h.moveOver(c.links, at[1], at[2], anew(source, lines[:c.unsent]))
				more, speed := float64(cut.bytes)/float64(clean.bytes)-1, clean.took.Seconds()/cut.took.Seconds()
				t.Logf("without a fault %s; cut every %s %s: %.1f %% more bytes, %.0f %% of the speed", clean, c.cutEvery, cut, 100*more, 100*speed)
				if cut.cuts < 5 {
					t.Errorf("the links were cut %d times; the test shows nothing", cut.cuts)
				}
				if more > 0.1 || speed < 0.8 {
					t.Errorf("%.1f %% more bytes, %.0f %% of the speed", 100*more, 100*speed)
				}
				h.end()
				for _, what := range h.wrong {
					t.Error(what)
				}
			})
		})
	}
}

// weather is how bad a device's link is.
type weather struct {
	rate  int           // bytes a second and way
	delay time.Duration // one way
	every time.Duration // between two cuts; 0: none
}

// passage is what a move cost.
type passage struct {
	took  time.Duration
	bytes int
	cuts  int
}

func (p passage) String() string {
	return fmt.Sprintf("%d KB in %s with %d cuts", p.bytes/1000, p.took.Round(time.Second), p.cuts)
}

// joined makes a site with a device on a fast line.
func (h *history) joined(name string) *device {
	s := &site{name: name, password: "password of " + name}
	var made struct{ Site sitesync.Site }
	if err := h.admin.do("site.create", map[string]any{"name": name, "password": s.password}, &made); err != nil {
		h.Fatal(err)
	}
	s.id = made.Site.ID
	h.sites = append(h.sites, s)
	if err := h.device(s, h.rng(uint64(s.id))); err != nil {
		h.Fatal(err)
	}
	return s.device
}

func (h *history) storeAt(s *site) sitesync.StoreID {
	var made struct{ Store sitesync.Store }
	if err := h.admin.do("store.create", map[string]any{"code": "S", "name": "store"}, &made); err != nil {
		h.Fatal(err)
	}
	h.move(made.Store.ID, s)
	return made.Store.ID
}

func (h *history) move(store sitesync.StoreID, to *site) {
	if err := h.admin.do("store.move", map[string]any{"store": store, "to": to.id}, nil); err != nil {
		h.Fatal(err)
	}
}

// await waits until something holds, in the time of the bubble.
func (h *history) await(what string, holds func() bool) {
	for deadline := time.Now().Add(time.Hour); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("not %s after an hour", what)
		}
	}
}

func (d *device) writable(id sitesync.StoreID) bool {
	st, known := d.db.Store(id)
	return known && d.db.Writable(&st) == nil
}

// stockLines makes records.
func stockLines(source *sample.Source, n int) []localdb.Write {
	list := make([]localdb.Write, n)
	for i := range list {
		r := source.StockLine()
		list[i] = localdb.Write{Op: sitesync.OpPut, Table: r.Table, ID: r.ID, Data: r.Data}
	}
	return list
}

// anew makes a new version of each.
func anew(source *sample.Source, of []localdb.Write) []localdb.Write {
	list := stockLines(source, len(of))
	for i := range list {
		list[i].ID = of[i].ID
	}
	return list
}

// write writes into the first store.
func (h *history) write(d *device, list []localdb.Write) {
	for some := range slices.Chunk(list, 250) {
		if _, err := d.db.Write(h.stores[0], some); err != nil {
			h.Fatal(err)
		}
	}
}

// moveOver moves the first store from one device to another, with changes that
// are not yet sent, and gives what it cost.
func (h *history) moveOver(bad weather, from, to *device, unsent []localdb.Write) (p passage) {
	store, began := h.stores[0], time.Now()
	lines := []*line{from.line, to.line}
	before := 0
	for _, l := range lines {
		l.limit(bad)
		before += l.carried()
	}
	h.anew(from) // it knows nothing of its link yet
	h.write(from, unsent)
	h.move(store, to.site)
	over := make(chan struct{})
	cutting := make(chan int)
	go func() { cutting <- cutEvery(bad.every, over, lines) }()
	h.await("moved", func() bool { return to.writable(store) && !from.writable(store) })
	p.took = time.Since(began)
	close(over)
	p.cuts = <-cutting
	for _, l := range lines {
		p.bytes += l.carried()
	}
	p.bytes -= before
	h.same(store, to)
	return p
}

// anew starts a device anew.
func (h *history) anew(d *device) {
	d.lock()
	defer d.unlock()
	if err := d.close(); err != nil {
		h.Fatal(err)
	}
	if err := d.open(); err != nil {
		h.Fatal(err)
	}
}

// same: the hub and a device hold the same.
func (h *history) same(store sitesync.StoreID, d *device) {
	m, _, err := h.hub.records().Meta(store)
	h.fail(err)
	st, _ := d.db.Store(store)
	if m.Owner != d.site.id || st.Records != m.Records || st.Digest != m.Digest {
		h.fail(fmt.Errorf("%s has %d records with digest %s, the hub %d with %s, for site %d", d.name, st.Records, st.Digest, m.Records, m.Digest, m.Owner))
	}
}

// cutEvery cuts the lines again and again, and counts how often.
func cutEvery(every time.Duration, over chan struct{}, lines []*line) (cuts int) {
	if every == 0 {
		<-over
		return 0
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return cuts
		case <-tick.C:
			cuts++
			for _, l := range lines {
				l.cut()
			}
		}
	}
}

// limit makes a line as bad as a link.
func (l *line) limit(bad weather) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.delay = bad.rate, bad.delay
}

// carried is how many bytes went over a line, both ways.
func (l *line) carried() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got[0] + l.got[1] + l.lost[0] + l.lost[1]
}

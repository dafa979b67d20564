package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

func TestPushAndPull(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A", puts("old", 70)...)
		w.started(3)
		w.bulk(3, "new", 1200, 100)
		w.sent(time.Minute)
		w.equal(3)
		w.central(3, puts("central", 50)...)
		w.engine.SyncNow()
		w.until("pulled", time.Minute, func() bool { return w.store(3).Cursor == w.hub.stores[3].head() })
		w.equal(3)
	})
}

// TestCutAnywhere cuts the link after every single message, one way or the
// other, of a session that loads, pushes and pulls.
func TestCutAnywhere(t *testing.T) {
	for _, way := range []string{"up", "back"} {
		t.Run(way, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.hub.add(3, "A", puts("old", 50)...)
				w.hub.add(4, "B")
				left := 0
				cut := func(topic.Kind, wire.Header, []byte) bool {
					if left--; left == 0 {
						w.hub.links[len(w.hub.links)-1].cut(errCut)
					}
					return left != 0
				}
				if way == "up" {
					w.hub.up = cut
				} else {
					w.hub.back = cut
				}
				w.run()
				w.writable(3, 4)
				const most = 25
				for after := 1; after < most; after++ {
					w.hub.do(func() {
						left = after
						w.hub.stores[3].move()
						w.hub.links[len(w.hub.links)-1].cut(errCut)
					})
					w.bulk(4, fmt.Sprintf("new%d-", after), 30, 100)
					w.writable(3, 4)
					w.sent(5 * time.Minute)
					if w.hub.do(func() { left = 0 }); after%8 == 0 {
						w.equal(3, 4)
					}
				}
				w.equal(3, 4)
			})
		})
	}
}

// TestTwice has every message come twice, both ways.
func TestTwice(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A", puts("old", 50)...)
		twice := false
		w.hub.back = func(kind topic.Kind, h wire.Header, frame []byte) bool {
			l := w.hub.links[len(w.hub.links)-1]
			if kind == topic.Resync {
				l.back.put(topic.ForResync(w.hub.site, h.Store), frame)
			} else if kind != topic.Welcome {
				l.back.put(topic.ForSite(w.hub.site, kind), frame)
			}
			return true
		}
		w.hub.up = func(kind topic.Kind, h wire.Header, frame []byte) bool {
			if twice || kind == topic.Hello {
				return true
			}
			twice = true
			defer func() { twice = false }()
			l := w.hub.links[len(w.hub.links)-1]
			w.hub.mu.Unlock()
			w.hub.take(l, topic.ForSite(w.hub.site, kind), frame)
			w.hub.mu.Lock()
			return true
		}
		w.started(3)
		w.bulk(3, "new", 1200, 100)
		w.sent(time.Minute)
		w.equal(3)
	})
}

// TestReceipts loses receipts: single ones are made up for, and a hub that
// never answers is dialled anew.
func TestReceipts(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.started(3)
		lost := 1
		w.hub.back = func(kind topic.Kind, _ wire.Header, _ []byte) bool {
			if kind == topic.Receipt {
				lost--
				return lost < 0
			}
			return true
		}
		w.put(3, "one", `{}`)
		began := time.Now()
		w.sent(time.Minute)
		if took := time.Since(began); took < testTimings.RequestTimeout || took > 2*testTimings.RequestTimeout {
			t.Errorf("a lost receipt was made up for after %s", took)
		}
		w.equal(3)
		w.hub.do(func() { lost = maxTries })
		dials := w.dials()
		w.put(3, "two", `{}`)
		w.sent(2 * time.Minute)
		w.equal(3)
		if n := w.dials() - dials; n != 1 {
			t.Errorf("%d dials after %d receipts were lost, want 1", n, maxTries)
		}
	})
}

// TestOverload answers the first of several batches with overload, and so the
// others with gaps: nothing is sent again before its time, and then all is.
func TestOverload(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.hub.add(4, "B")
		w.started(3, 4)
		w.net.delay = time.Second
		w.engine.pace.up.rate = mostRate
		full := true
		w.hub.up = func(kind topic.Kind, h wire.Header, _ []byte) bool {
			if kind != topic.Push || h.Store != 3 || !full {
				return true
			}
			full = false
			w.hub.send(w.hub.links[len(w.hub.links)-1], topic.Receipt, 3, &wire.Receipt{Epoch: w.hub.stores[3].epoch, Outcome: wire.Overload})
			return false
		}
		w.bulk(3, "a", 3000, 50)
		w.until("several batches out", time.Minute, func() bool { return w.hub.count[topic.Push] >= 4 })
		w.until("overload", time.Minute, func() bool { return !full })
		w.pass(4 * time.Second)
		pushes := w.came(topic.Push)
		w.pass(4 * time.Second)
		if n := w.came(topic.Push) - pushes; n != 0 {
			t.Errorf("%d pushes while the hub has too much to do", n)
		}
		w.put(4, "b", `{}`) // another store goes on
		w.until("the other store", 3*time.Second, func() bool { return w.hub.stores[4].settled[w.hub.stores[4].epoch] == 1 })
		w.sent(time.Minute)
		w.equal(3, 4)
	})
}

// TestGapForEver meets a hub that misses something whatever is sent.
func TestGapForEver(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.started(3)
		w.hub.up = func(kind topic.Kind, h wire.Header, _ []byte) bool {
			if kind == topic.Push {
				w.hub.send(w.hub.links[len(w.hub.links)-1], topic.Receipt, 3, &wire.Receipt{Epoch: w.hub.stores[3].epoch, Outcome: wire.Gap})
			}
			return kind != topic.Push
		}
		w.put(3, "a", `{}`)
		w.pass(2 * time.Minute)
		if n := w.came(topic.Push); n > 20 {
			t.Errorf("%d pushes in two minutes", n)
		}
		w.hub.do(func() { w.hub.up = nil })
		w.sent(2 * time.Minute)
		w.equal(3)
	})
}

// TestToldInPart has the hub tell less than it settled, as when there is more
// in quarantine than a receipt holds.
func TestToldInPart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.started(3)
		w.hub.up = func(kind topic.Kind, h wire.Header, frame []byte) bool {
			if kind != topic.Push {
				return true
			}
			st := w.hub.stores[3]
			m := decode[wire.Push](w.hub, frame)
			r := w.hub.apply(st, m)
			if told := m.Confirmed + 10; told < r.Settled {
				r.Settled, r.Chain = told, st.chains[m.Epoch][told]
			}
			w.hub.send(w.hub.links[len(w.hub.links)-1], topic.Receipt, 3, r)
			return false
		}
		w.bulk(3, "a", 100, 50)
		w.sent(5 * time.Second) // without a timeout
		w.equal(3)
	})
}

// TestBadFrames cannot be read by the hub: the store is held back after three,
// the other one goes on, and one batch is tried from time to time.
func TestBadFrames(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.hub.add(4, "B")
		w.started(3, 4)
		w.engine.pace.up.rate = mostRate // several on the way
		bad, pushes := true, 0
		w.hub.up = func(kind topic.Kind, h wire.Header, _ []byte) bool {
			if kind != topic.Push || h.Store != 3 {
				return true
			}
			if pushes++; bad {
				w.hub.send(w.hub.links[len(w.hub.links)-1], topic.Receipt, 3, &wire.Receipt{Outcome: wire.BadFrame})
			}
			return !bad
		}
		w.bulk(3, "a", 1500, 50)
		w.until("held back", time.Minute, func() bool { return w.problemOf(3) == sitesync.ProblemBadFrame })
		w.bulk(4, "b", 100, 50)
		w.until("the other store", time.Minute, func() bool { return w.hub.stores[4].settled[w.hub.stores[4].epoch] == 100 })
		for _, probe := range []struct {
			what string
			do   func()
		}{
			{"in its time", func() { w.pass(testTimings.ProbeInterval) }},
			{"on sync", func() { w.engine.SyncNow(); w.pass(time.Second) }},
			{"at a new session", func() { w.hub.live().cut(errCut); w.pass(20 * time.Second) }},
		} {
			before := pushes
			if probe.do(); pushes != before+1 {
				t.Errorf("%s: %d batches were tried, want 1", probe.what, pushes-before)
			}
		}
		w.hub.do(func() { bad = false })
		w.sent(testTimings.ProbeInterval + time.Minute)
		w.until("let go", time.Second, func() bool { return w.problemOf(3) == "" })
		w.equal(3, 4)
	})
}

// TestPoisonAmongGood has one frame in between that cannot be read, with others
// on the way that bring gaps.
func TestPoisonAmongGood(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.started(3)
		w.engine.pace.up.rate = mostRate
		poison := 0
		w.hub.up = func(kind topic.Kind, h wire.Header, frame []byte) bool {
			if kind == topic.Push {
				if m := decode[wire.Push](w.hub, frame); m.First > 500 {
					if poison++; poison <= 10_000 {
						w.hub.send(w.hub.links[len(w.hub.links)-1], topic.Receipt, 3, &wire.Receipt{Outcome: wire.BadFrame})
						return false
					}
				}
			}
			return true
		}
		w.bulk(3, "a", 3000, 50)
		w.until("held back", time.Minute, func() bool { return w.problemOf(3) == sitesync.ProblemBadFrame })
		w.pass(time.Minute)
		if poison > 30 {
			t.Errorf("%d frames that the hub cannot read", poison)
		}
	})
}

// TestPastEpoch has unsent changes when the store is moved on: they go to
// quarantine first, and the hub's records take their place.
func TestPastEpoch(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A", puts("a", 30)...)
		w.started(3)
		w.halt()
		w.put(3, "a00001", `{"mine":1}`)
		w.put(3, "mine", `{"mine":2}`)
		w.hub.do(w.hub.stores[3].move)
		w.run()
		w.until("the new epoch", time.Minute, func() bool { return w.store(3).Loaded == w.hub.stores[3].epoch })
		w.equal(3)
		if st := w.store(3); st.Refused != 2 || len(st.Past) != 0 {
			t.Errorf("%d refused, want 2; past %+v", st.Refused, st.Past)
		}
		w.put(3, "next", `{}`)
		w.sent(time.Minute)
		w.equal(3)
	})
}

// TestQuarantine has single changes refused.
func TestQuarantine(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A", puts("a", 3)...)
		w.started(3)
		w.put(3, "a00000", `{"x":"refuse me"}`)
		w.put(3, "b", `{"x":"refuse me"}`)
		w.put(3, "c", `{}`)
		w.sent(time.Minute)
		w.equal(3)
		if st := w.store(3); st.Refused != 2 {
			t.Errorf("%d refused, want 2", st.Refused)
		}
	})
}

// TestSmallBesideBulk writes one change to a store while another sends for
// long over a slow link.
func TestSmallBesideBulk(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.hub.add(4, "B")
		w.started(3, 4)
		w.net.rate, w.net.delay = 2500, 300*time.Millisecond
		w.bulk(3, "a", 2000, 300)
		w.pass(time.Minute)
		w.put(4, "b", `{}`)
		began := time.Now()
		w.until("the small one", 20*time.Second, func() bool { return w.hub.stores[4].settled[w.hub.stores[4].epoch] == 1 })
		t.Logf("it took %s", time.Since(began))
	})
}

// TestLimits holds the engine to what the hub allows, with changes of all sizes
// over a link fast enough for more.
func TestLimits(t *testing.T) {
	for _, limits := range []wire.Limits{
		{BatchChanges: 500, BatchBytes: 4 << 20, WindowBatches: 8, WindowBytes: 4 << 20, CreditBytes: 4 << 20},
		{BatchChanges: 7, BatchBytes: 4 << 20, WindowBatches: 3, WindowBytes: 4 << 20, CreditBytes: 32 << 10},
		{BatchChanges: 500, BatchBytes: 20_000, WindowBatches: 8, WindowBytes: 50_000, CreditBytes: 32 << 10},
		{BatchChanges: 1, BatchBytes: 1, WindowBatches: 1, WindowBytes: 1, CreditBytes: 1},
	} {
		t.Run(fmt.Sprintf("%+v", limits), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.hub.limits = limits
				w.hub.add(3, "A", puts("a", 100)...)
				w.hub.add(4, "B", puts("b", 10)...)
				w.started(3, 4)
				w.net.delay = 100 * time.Millisecond
				w.engine.pace.up.rate = mostRate
				batches, bytes, most := 0, 0, 0
				var flight []int
				w.hub.up = func(kind topic.Kind, h wire.Header, frame []byte) bool {
					if kind == topic.Push {
						batches, bytes, flight = batches+1, bytes+len(frame), append(flight, len(frame))
						if batches > int(limits.WindowBatches) || bytes > int(limits.WindowBytes) && batches > 1 {
							w.hub.broke("%d batches with %d bytes at once", batches, bytes)
						}
						most = max(most, batches)
					}
					return true
				}
				w.hub.back = func(kind topic.Kind, h wire.Header, frame []byte) bool {
					if kind == topic.Receipt {
						batches, bytes, flight = batches-1, bytes-flight[0], flight[1:]
					}
					return true
				}
				for i := range 40 {
					w.put(3, fmt.Sprint("c", i), filler(i*i*40, i))
					w.put(4, fmt.Sprint("c", i), `{"a":"`+strings.Repeat("b", i*1000)+`"}`)
				}
				w.sent(10 * time.Minute)
				w.equal(3, 4)
			})
		})
	}
}

package localdb

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Watchers are told in the order in which changes were committed, which is that
// of n, whoever made them; and each writer finds its own change shown when its
// call returns.
func TestWatchOrder(t *testing.T) {
	d := writable(t)
	const writers, each = 8, 40
	var told []string
	watch := d.Watch(func(id sitesync.StoreID, events []Event) {
		for _, e := range events {
			if id != storeA || e.Kind != EventChange || !e.Local || e.Table != "t" || e.Op != sitesync.OpPut || e.ETag == "" {
				t.Errorf("%+v", e)
			}
			told = append(told, e.ID)
		}
	})
	made := make([]string, writers*each+1)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", w, i)
				out, err := d.Write(storeA, []Write{put(id, `{}`)})
				if err != nil {
					t.Error(err)
					return
				}
				made[out[0].N] = id
				if s, _ := d.Store(storeA); s.Outbox.Last < out[0].N {
					t.Errorf("change %d was answered, and %d is shown as the last", out[0].N, s.Outbox.Last)
				}
			}
		})
	}
	wg.Wait()
	watch.Stop()
	write(t, d, put("unwatched", `{}`))
	if !slices.Equal(told, made[1:]) {
		t.Errorf("told of %d changes in another order than they were made", len(told))
	}
}

func TestWatchKinds(t *testing.T) {
	d := writable(t)
	var told []string
	watch := d.Watch(func(id sitesync.StoreID, events []Event) {
		for _, e := range events {
			text := map[EventKind]string{EventChange: "change", EventPhase: "phase", EventReset: "reset", EventQueue: "queue"}[e.Kind]
			if e.Kind == EventChange {
				text += " " + e.Op.String() + " " + e.ID + " " + strconv.FormatBool(e.Local)
			}
			told = append(told, text)
		}
	})
	defer watch.Stop()
	step := func(want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		told = nil
	}
	write(t, d, put("1", `{}`), put("1", `{}`), del("1"))
	step("change put 1 true", "change delete 1 true")
	write(t, d, put("2", `{}`))
	write(t, d, put("2", `{}`)) // identical
	step("change put 2 true")
	if _, err := d.Write(storeA, []Write{put("3", `{}`), del("nothing")}); err == nil {
		t.Error("a delete of nothing succeeded")
	}
	step()
	must(t, d.ApplyChanges(storeA, &wire.Changes{From: cursorAt(1), Cursor: cursorAt(2), Changes: []sitesync.Change{
		hubRecord("4", `{}`), hubRecord("2", `{"hub":1}`), {Op: sitesync.OpDelete, Table: "t", ID: "4"}}}))
	step("change put 4 false", "change delete 4 false")
	q := queued(t, d)
	wantSettled(t, d, receiptFor(q, 3, wire.Refusal{N: 3, Reason: sitesync.ReasonSize, Table: "t", ID: "2"}), Agrees)
	step("change delete 2 false", "queue")
	wantSettled(t, d, receiptFor(q, 3), Agrees) // nothing new
	step()
	must(t, d.Block(storeA, &sitesync.Problem{Code: sitesync.ProblemBadFrame}))
	step("phase")
	loading(t, d, epoch2)
	step("phase", "phase")
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: hubRecords(0, 3), Through: key("00002")}))
	step()
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, After: key("00002"), Last: true}))
	step("reset")
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseActive))
	step("phase")
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseActive)) // nothing new
	step()
	must(t, d.Clear())
	step("phase")
}

// A transaction that fails gives its place up, and nobody waits for it.
func TestWatchFailure(t *testing.T) {
	d := writable(t)
	tooMuch := make([]Write, 3000)
	for i := range tooMuch {
		tooMuch[i] = put(fmt.Sprint(i), `{}`)
	}
	if _, err := d.Write(storeA, tooMuch); err == nil {
		t.Fatal("it fits; the test needs more")
	}
	write(t, d, put("1", `{}`))
	if d.Backlog() != 1 {
		t.Errorf("backlog %d", d.Backlog())
	}
}

package api

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

// historySize is how many events of a store are kept for readers that fall
// behind or come back.
const historySize = 4096

// history keeps the newest events of the stores that somebody has asked for.
// It is in memory alone: its boot says to which run of the agent a place in it
// belongs.
type history struct {
	boot string

	mu     sync.Mutex
	stores map[sitesync.StoreID]*journal
}

func (h *history) init() {
	var b [6]byte
	rand.Read(b[:])
	h.boot = hex.EncodeToString(b[:])
	h.stores = map[sitesync.StoreID]*journal{}
}

// add is called for every transaction, in the order of commits, and never
// blocks.
func (h *history) add(store sitesync.StoreID, events []localdb.Event) {
	h.mu.Lock()
	j := h.stores[store]
	h.mu.Unlock()
	if j != nil {
		j.add(events)
	}
}

// of gives a store's journal, which begins with the first reader.
func (h *history) of(store sitesync.StoreID) *journal {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.stores[store]
	if j == nil {
		j = &journal{readers: map[chan struct{}]struct{}{}}
		h.stores[store] = j
	}
	return j
}

// id is the event ID of a place.
func (h *history) id(place uint64) string { return fmt.Sprintf("%s-%d", h.boot, place) }

// place reads an event ID. ok is false for one of another run.
func (h *history) place(id string) (place uint64, ok bool) {
	boot, number, _ := strings.Cut(id, "-")
	place, err := strconv.ParseUint(number, 10, 64)
	return place, err == nil && boot == h.boot
}

// journal is the newest events of a store. Event k, from 1 on, is at
// events[(k-1) % historySize].
type journal struct {
	mu      sync.Mutex
	events  []localdb.Event
	last    uint64
	readers map[chan struct{}]struct{}
}

func (j *journal) add(events []localdb.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := j.last
	for _, e := range events {
		if e.Kind == localdb.EventQueue {
			continue
		}
		if len(j.events) < historySize {
			j.events = append(j.events, e)
		} else {
			j.events[j.last%historySize] = e
		}
		j.last++
	}
	if j.last == before {
		return
	}
	for wake := range j.readers {
		select {
		case wake <- struct{}{}:
		default: // it is awake, or will be
		}
	}
}

// end is the place of the newest event.
func (j *journal) end() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// after copies events that follow a place into room. ok is false when not all
// of them are kept any more, or the place is none; then the reader has to read
// the store anew, and go on from the place that comes back.
func (j *journal) after(place uint64, room []localdb.Event) (events []localdb.Event, end uint64, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if place > j.last || j.last-place > uint64(len(j.events)) {
		return nil, j.last, false
	}
	events = room[:0]
	for place < j.last && len(events) < cap(room) {
		events = append(events, j.events[place%historySize])
		place++
	}
	return events, place, true
}

// join gives a channel that has something in it when there is news.
func (j *journal) join() (wake chan struct{}, leave func()) {
	wake = make(chan struct{}, 1)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.readers[wake] = struct{}{}
	return wake, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.readers, wake)
	}
}

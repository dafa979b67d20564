package registry

import (
	"encoding/json"
	"time"

	"sitesync/shared/sitesync"
)

// AskState is what became of what a device was asked for.
type AskState string

const (
	AskWaiting AskState = "waiting"
	AskDone    AskState = "done"
	AskFailed  AskState = "failed"
	AskExpired AskState = "expired" // the device did not come, or did not answer, in time
)

// Ask is what an administrator wants a site's device to do. It waits for the
// device until it expires, and is kept for a while with the answer.
type Ask struct {
	Number  uint64          `json:"id"`
	Site    sitesync.SiteID `json:"site"`
	Command string          `json:"command"` // sync, resync, log or wipe
	Args    json.RawMessage `json:"args,omitempty"`
	By      string          `json:"by"`
	At      sitesync.Time   `json:"at"`
	Until   sitesync.Time   `json:"until"` // when it expires
	State   AskState        `json:"state"`
	Ended   *sitesync.Time  `json:"ended,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"` // of the device, when done
	Error   *sitesync.Error `json:"error,omitempty"`  // of the device, when failed
}

type askRecord struct {
	header
	Ask
}

const (
	asksKept = 24 * time.Hour // after they have ended
	mostAsks = 50             // of a site; the oldest that has ended makes room
)

// NewAsk is what AskDevice takes.
type NewAsk struct {
	Site    sitesync.SiteID
	Command string
	Args    json.RawMessage
	Until   time.Time
}

// AskDevice writes down what a site's device is to do. Errors: CodeNotFound,
// CodeOverload (too much waits for that device), CodeIDReused.
func (r *Registry) AskDevice(a Actor, n NewAsk) (Ask, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		if _, known, err := get[siteRecord](e, keySite(n.Site)); err != nil {
			return err
		} else if !known {
			return noSite(Ref{ID: uint64(n.Site)})
		}
		if err := e.makeRoom(n.Site); err != nil {
			return err
		}
		number, err := e.reserve(idAsk, 1)
		if err != nil {
			return err
		}
		ask := Ask{Number: number, Site: n.Site, Command: n.Command, Args: n.Args, By: a.Name, At: e.at, Until: sitesync.At(n.Until), State: AskWaiting}
		e.done.Ask = number
		e.audit(a, sitesync.Audit{Site: &ask.Site, After: details{"asked": number, "command": n.Command, "args": n.Args}.json()})
		return e.put(keyAsk(number), askRecord{Ask: ask})
	})
	if err != nil {
		return Ask{}, err
	}
	ask, known := r.Asked(n.Site, done.Ask)
	if !known {
		return Ask{}, sitesync.Errorf(sitesync.CodeNotFound, "ask again", "what was asked is over, and no longer kept")
	}
	return ask, nil
}

// makeRoom removes what a site's device was asked for and is over for long, and
// the oldest that is over where there is much.
func (e *edit) makeRoom(site sitesync.SiteID) error {
	asks := e.r.Asks(site)
	for i := range asks {
		a := &asks[i]
		old := a.Ended != nil && (e.at.Sub(a.Ended.Time) > asksKept || len(asks)-i >= mostAsks)
		if old {
			e.remove(keyAsk(a.Number))
		}
	}
	waiting := 0
	for i := range asks {
		if asks[i].State == AskWaiting {
			waiting++
		}
	}
	if waiting >= mostAsks {
		return sitesync.Errorf(sitesync.CodeOverload, "wait until the device has come, or until some expire; see site.asked", "%d commands wait for the device of site %d already", waiting, site).WithField("site")
	}
	return nil
}

// Asks lists what a site's device was asked for, the oldest first.
func (r *Registry) Asks(site sitesync.SiteID) []Ask {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.index.asks[site]) == 0 {
		return nil
	}
	numbers := make(map[uint64]bool, len(r.index.asks[site]))
	for n := range r.index.asks[site] {
		numbers[n] = true
	}
	asks := make([]Ask, 0, len(numbers))
	for _, n := range sorted(numbers) {
		asks = append(asks, *r.index.asks[site][n])
	}
	return asks
}

// Asked gives one of them.
func (r *Registry) Asked(site sitesync.SiteID, number uint64) (Ask, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if a := r.index.asks[site][number]; a != nil {
		return *a, true
	}
	return Ask{}, false
}

// EndAsk writes down how an ask ended: with the device's result, with its
// error, or with neither when it expired. One that has ended, or is not kept
// any more, is left as it is.
func (r *Registry) EndAsk(number uint64, result json.RawMessage, failed *sitesync.Error) error {
	return r.changeAsk(number, func(e *edit, a *Ask) {
		at := e.at
		a.Ended = &at
		switch {
		case failed != nil:
			a.State, a.Error = AskFailed, failed
		case result != nil:
			a.State, a.Result = AskDone, result
		default:
			a.State = AskExpired
		}
		after := details{"asked": number, "command": a.Command, "state": a.State}
		if failed != nil {
			after["error"] = failed.Message
		}
		e.audit(Actor{Kind: ActorDevice, Name: a.By, Command: "site." + a.Command}, sitesync.Audit{Site: &a.Site, After: after.json()})
	})
}

// AskAgain changes the arguments of an ask that waits on, with what is to be
// kept in the audit log of the device's answer so far.
func (r *Registry) AskAgain(number uint64, args json.RawMessage, keep map[string]any) error {
	return r.changeAsk(number, func(e *edit, a *Ask) {
		a.Args = args
		e.audit(Actor{Kind: ActorDevice, Name: a.By, Command: "site." + a.Command}, sitesync.Audit{Site: &a.Site, After: details(keep).json()})
	})
}

func (r *Registry) changeAsk(number uint64, fn func(e *edit, a *Ask)) error {
	return r.edit(func(e *edit) error {
		rec, known, err := get[askRecord](e, keyAsk(number))
		if err != nil || !known || rec.State != AskWaiting {
			return err
		}
		fn(e, &rec.Ask)
		return e.put(keyAsk(number), rec)
	})
}

// OverdueAsks gives the numbers of those that waited too long.
func (r *Registry) OverdueAsks(now time.Time) (numbers []uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, asks := range r.index.asks {
		for n, a := range asks {
			if a.State == AskWaiting && now.After(a.Until.Time) {
				numbers = append(numbers, n)
			}
		}
	}
	return numbers
}

func (x *index) applyAsk(w Item, set *changeSet) error {
	n, err := number(w.Key, prefixAsk)
	if err != nil {
		return err
	}
	for site, asks := range x.asks {
		if former := asks[n]; former != nil && w.Value == nil {
			delete(asks, n)
			if len(asks) == 0 {
				delete(x.asks, site)
			}
			return nil
		}
	}
	if w.Value == nil {
		return nil
	}
	rec, err := decode[askRecord](w)
	if err != nil {
		return err
	}
	if x.asks[rec.Site] == nil {
		x.asks[rec.Site] = make(map[uint64]*Ask)
	}
	x.asks[rec.Site][n] = &rec.Ask
	add(&set.asks, rec.Site)
	return nil
}

package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sitesync/shared/sitesync"
)

// auditRecord is an entry of the audit log. Its key is the time subtracted
// from the highest number, so that the order of keys is newest first.
type auditRecord struct {
	header
	sitesync.Audit
}

// audit adds an entry of what a does in this edit. The entry says the site or
// store and what was before and after, never a secret.
func (e *edit) audit(a Actor, entry sitesync.Audit) {
	entry.By, entry.From, entry.Command, entry.ID = a.Name, a.From, a.Command, a.CommandID
	e.appendAudit(entry)
}

func (e *edit) appendAudit(entry sitesync.Audit) {
	tick := e.r.ticks.next()
	entry.At = sitesync.At(time.Unix(0, tick))
	key := keyAudit(auditPlace(tick))
	raw, err := encode(auditRecord{Audit: entry})
	if err != nil {
		panic(err) // before and after were marshalled already
	}
	e.expectNone(key)
	e.set(key, raw)
}

// AppendAudit writes entries for actions whose own state is not the
// registry's, with the present time.
func (r *Registry) AppendAudit(entries ...sitesync.Audit) error {
	for _, entry := range entries {
		if len(entry.Before) > 0 && !json.Valid(entry.Before) || len(entry.After) > 0 && !json.Valid(entry.After) {
			return errors.New("registry: an audit entry whose before or after is not JSON")
		}
	}
	return r.edit(func(e *edit) error {
		for _, entry := range entries {
			e.appendAudit(entry)
		}
		return nil
	})
}

// AuditFilter says which entries AuditList gives; a zero field lets all
// through.
type AuditFilter struct {
	Site  *sitesync.SiteID
	Store *sitesync.StoreID
	By    string
	Since time.Time
}

// Lets reports whether an entry passes.
func (f *AuditFilter) Lets(a *sitesync.Audit) bool {
	return (f.Site == nil || a.Site != nil && *a.Site == *f.Site) &&
		(f.Store == nil || a.Store != nil && *a.Store == *f.Store) &&
		(f.By == "" || a.By == f.By) &&
		!a.At.Before(f.Since)
}

const (
	auditLimit = 100    // entries of a page when none is said
	auditMost  = 1000   // entries of a page
	auditScan  = 50_000 // entries looked at for one page
	auditRead  = 500    // entries read at a time
)

// AuditList gives entries, newest first: at most limit (0 = 100, at most
// 1000) of those that come after the place after in the list. next is the
// after of the next page, "" on the last. A page whose filter lets little
// through may be short and have a next. Errors: CodeInvalid (after).
func (r *Registry) AuditList(f AuditFilter, limit int, after string) (items []sitesync.AuditEntry, next string, err error) {
	if limit <= 0 {
		limit = auditLimit
	}
	limit = min(limit, auditMost)
	key := ""
	if after != "" {
		if _, err := auditTick(after); err != nil {
			return nil, "", sitesync.Errorf(sitesync.CodeInvalid, "take it from the former page's next", "%q is not a place in the audit log", after).WithField("after")
		}
		key = keyAudit(after)
	}
	f.Since = f.Since.Truncate(time.Millisecond)
	seen := 0
	place := "" // of the last entry that was looked at and is not left to the next page
	err = r.eachAudit(key, func(at string, rec *auditRecord) bool {
		switch {
		case rec.At.Before(f.Since):
			return false
		case !f.Lets(&rec.Audit):
		case len(items) == limit:
			next = place
			return false
		default:
			items = append(items, sitesync.AuditEntry{Audit: rec.Audit, Place: at})
		}
		place = at
		if seen++; seen == auditScan {
			next = place
		}
		return next == ""
	})
	if err != nil {
		return nil, "", err
	}
	return items, next, nil
}

// eachAudit calls fn with the entries after key and their places, newest
// first, until it answers false.
func (r *Registry) eachAudit(key string, fn func(place string, rec *auditRecord) bool) error {
	for {
		page, err := r.backend.List(prefixAudit, key, auditRead)
		if err != nil {
			return fmt.Errorf("registry: read the audit log: %w", err)
		}
		for _, item := range page {
			rec, err := decode[auditRecord](item)
			if err != nil {
				return err
			}
			key = item.Key
			if !fn(strings.TrimPrefix(key, prefixAudit), &rec) {
				return nil
			}
		}
		if len(page) < auditRead {
			return nil
		}
	}
}

// changedSince tells what happened to a site since a revision, and by whom:
// "anna changed name, password". It looks at the newest entries alone.
func (r *Registry) changedSince(site sitesync.SiteID, revision uint64) (string, error) {
	var did []string
	seen := 0
	err := r.eachAudit("", func(_ string, rec *auditRecord) bool {
		seen++
		if rec.Site == nil || *rec.Site != site {
			return seen < auditScan
		}
		var after map[string]json.RawMessage
		if json.Unmarshal(rec.After, &after) != nil || after["revision"] == nil {
			return seen < auditScan
		}
		reached, err := strconv.ParseUint(string(after["revision"]), 10, 64)
		if err != nil || reached <= revision {
			return false
		}
		delete(after, "revision")
		did = append(did, fmt.Sprintf("%s changed %s", rec.By, strings.Join(sorted(keysOf(after)), ", ")))
		return len(did) < 10
	})
	slices.Reverse(did)
	return strings.Join(did, "; "), err
}

func keysOf[V any](m map[string]V) map[string]bool {
	keys := make(map[string]bool, len(m))
	for k := range m {
		keys[k] = true
	}
	return keys
}

// auditPlace is the end of an audit key.
func auditPlace(tick int64) string { return fmt.Sprintf("%016x", math.MaxInt64-tick) }

func auditTick(place string) (int64, error) {
	n, err := strconv.ParseInt(place, 16, 64)
	if err != nil || len(place) != 16 {
		return 0, errors.New("not a place in the audit log")
	}
	return math.MaxInt64 - n, nil
}

// ticks number audit entries by the time, in nanoseconds; each is higher than
// the last, also where the clock was set back.
type ticks struct {
	mu   sync.Mutex
	last int64
}

func (t *ticks) next() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = max(time.Now().UnixNano(), t.last+1)
	return t.last
}

// since makes all later ticks higher than that of an audit key.
func (t *ticks) since(key string) {
	if tick, err := auditTick(strings.TrimPrefix(key, prefixAudit)); err == nil {
		t.last = max(t.last, tick)
	}
}

package api

import (
	"bytes"
	"encoding/json"
	"math"
	"mime"
	"net/http"
	"slices"
	"strings"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

const (
	usualRecords = 100
	mostRecords  = 1000
	pageBytes    = 1 << 20 // a page ends early when its data reaches this
)

// Record is a record in a list.
type Record struct {
	Store sitesync.StoreID `json:"store"`
	Table string           `json:"table"`
	ID    string           `json:"id"`
	Data  json.RawMessage  `json:"data"` // without blanks between tokens; the ETag is that of the bytes kept
	ETag  string           `json:"etag"`

	Changed sitesync.Time `json:"changed"`     // this device's copy, by its clock
	N       uint64        `json:"n,omitempty"` // of its last change made here
}

// listRecords answers a page in the order of IDs, or all that follows as
// NDJSON. after is a record ID, next is the last one of the page.
func (s *Server) listRecords(w http.ResponseWriter, r *http.Request) error {
	store, err := s.db.Resolve(r.PathValue("code"))
	if err != nil {
		return err
	}
	table := r.PathValue("table")
	if err := sitesync.CheckTable(table); err != nil {
		return err
	}
	after := r.URL.Query().Get("after")
	if after != "" {
		if err := sitesync.CheckRecordID(after); err != nil {
			return invalid("after", "send the next of the former answer", "after is not a record ID")
		}
	}
	t := tableReader{db: s.db, store: store.ID, table: table, after: after}
	if wantsNDJSON(r) {
		return t.stream(w, r)
	}
	limit, err := limitOf(r, usualRecords, mostRecords)
	if err != nil {
		return err
	}
	items, more, err := t.page(limit)
	if err != nil {
		return err
	}
	l := list[Record]{Items: items}
	if more {
		l.Next = t.after
	}
	return answer(w, http.StatusOK, l)
}

func wantsNDJSON(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if kind, _, err := mime.ParseMediaType(part); err == nil && kind == typeNDJSON {
			return true
		}
	}
	return false
}

// tableReader reads a table page by page. No page holds a snapshot of the
// database open while a slow caller takes it.
type tableReader struct {
	db    *localdb.DB
	store sitesync.StoreID
	table string
	after string // the last ID read
}

// page reads up to limit records, at least one if there is any.
func (t *tableReader) page(limit int) (items []Record, more bool, err error) {
	items = []Record{}
	size := 0
	err = t.db.List(t.store, t.table, t.after, func(rec localdb.Record) bool {
		if len(items) == limit || size >= pageBytes {
			more = true
			return false
		}
		size += len(rec.Data)
		items = append(items, Record{Store: t.store, Table: t.table, ID: rec.Key.ID,
			Data: slices.Clone(rec.Data), ETag: sitesync.ETag(rec.Data), Changed: sitesync.At(rec.Changed), N: rec.N})
		return true
	})
	if len(items) > 0 {
		t.after = items[len(items)-1].ID
	}
	return items, more, err
}

// stream sends records as lines until the table or the limit, if there is one,
// is reached.
func (t *tableReader) stream(w http.ResponseWriter, r *http.Request) error {
	const endless = math.MaxInt32
	left, err := limitOf(r, endless, endless)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeNDJSON)
	var text bytes.Buffer
	for more := true; more && left > 0; {
		var items []Record
		if items, more, err = t.page(min(left, mostRecords)); err != nil {
			return err
		}
		left -= len(items)
		text.Reset()
		for i := range items {
			if err := encode(&text, &items[i]); err != nil {
				return err
			}
		}
		if _, err := w.Write(text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

package api

import (
	"net/http"
	"strconv"
	"strings"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

const (
	headerN   = "Sitesync-N"
	blankRoom = 64 << 10 // bytes of blanks that may surround a record's data
)

// written is the answer to a put or a delete.
type written struct {
	ETag    string `json:"etag"`
	N       uint64 `json:"n,omitempty"`
	Receipt string `json:"receipt"`
}

// The receipts of an answer to a write.
const (
	receiptQueued    = "queued"
	receiptUnchanged = "unchanged"
)

func (s *Server) getRecord(w http.ResponseWriter, r *http.Request) error {
	store, key, err := s.recordOf(r)
	if err != nil {
		return err
	}
	rec, err := s.db.Get(store.ID, key)
	if err != nil {
		return err
	}
	etag := sitesync.ETag(rec.Data)
	setVersion(w, etag, rec.N)
	if names(r.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(rec.Data)))
	_, err = w.Write(rec.Data)
	return err
}

func (s *Server) putRecord(w http.ResponseWriter, r *http.Request) error {
	if err := hasType(r, typeJSON); err != nil {
		return err
	}
	return s.write(w, r, sitesync.OpPut, func() ([]byte, error) {
		data, err := readBody(w, r, sitesync.MaxRecord+blankRoom)
		return sitesync.TrimData(data), err
	})
}

func (s *Server) deleteRecord(w http.ResponseWriter, r *http.Request) error {
	return s.write(w, r, sitesync.OpDelete, func() ([]byte, error) { return nil, noBody(w, r) })
}

// write makes one change. What can be refused is refused before read takes the
// body from the link.
func (s *Server) write(w http.ResponseWriter, r *http.Request, op sitesync.Op, read func() ([]byte, error)) error {
	store, key, err := s.recordOf(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Has("to") {
		return invalid("to", "leave it out", "transfers to another store are not available yet")
	}
	if err := s.db.Writable(&store); err != nil {
		return err
	}
	change := localdb.Write{Op: op, Table: key.Table, ID: key.ID}
	if change.Match, change.Absent, err = conditions(r); err != nil {
		return err
	}
	if change.Data, err = read(); err != nil {
		return err
	}
	out, err := s.db.Write(store.ID, []localdb.Write{change})
	if err != nil {
		return err
	}
	setVersion(w, out[0].ETag, out[0].N)
	a := written{ETag: out[0].ETag, N: out[0].N, Receipt: receiptQueued}
	status := http.StatusOK
	switch out[0].Result {
	case localdb.Created:
		status = http.StatusCreated
	case localdb.Unchanged:
		a.Receipt = receiptUnchanged
	}
	return answer(w, status, a)
}

// recordOf reads which record a path names.
func (s *Server) recordOf(r *http.Request) (store localdb.Store, key wire.Key, err error) {
	key = wire.Key{Table: r.PathValue("table"), ID: r.PathValue("id")}
	if store, err = s.db.Resolve(r.PathValue("code")); err != nil {
		return store, key, err
	}
	if err := sitesync.CheckTable(key.Table); err != nil {
		return store, key, err
	}
	return store, key, sitesync.CheckRecordID(key.ID)
}

func setVersion(w http.ResponseWriter, etag string, n uint64) {
	w.Header().Set("ETag", `"`+etag+`"`)
	if n > 0 {
		w.Header().Set(headerN, strconv.FormatUint(n, 10))
	}
}

// conditions reads If-Match (one ETag, or *) and If-None-Match (* alone).
func conditions(r *http.Request) (match string, absent bool, err error) {
	switch list := etags(r.Header.Values("If-Match")); {
	case len(list) == 1:
		match = list[0]
	case len(list) > 1:
		return "", false, invalid("If-Match", "send the one ETag that you read", "If-Match has %d ETags", len(list))
	}
	switch list := etags(r.Header.Values("If-None-Match")); {
	case len(list) == 0:
	case len(list) == 1 && list[0] == "*":
		absent = true
	default:
		return "", false, invalid("If-None-Match", "use If-None-Match: * for a new record, If-Match for one that you read", "If-None-Match takes * alone in a write")
	}
	if absent && match != "" {
		return "", false, invalid("If-None-Match", "send one of them", "If-Match and If-None-Match contradict each other")
	}
	return match, absent, nil
}

// etags splits a header into ETags without their quotes. A weak one keeps its
// mark and so matches nothing, as If-Match demands.
func etags(values []string) []string {
	var list []string
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, strings.Trim(item, `"`))
		}
	}
	return list
}

// names reports whether If-None-Match names the ETag; there weak ones count.
func names(values []string, etag string) bool {
	for _, item := range etags(values) {
		if item == "*" || strings.Trim(strings.TrimPrefix(item, "W/"), `"`) == etag {
			return true
		}
	}
	return false
}

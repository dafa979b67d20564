package admin

import (
	"strconv"
	"strings"
)

// Limits of the pages of a list.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// pageOf is what limit and after say.
type pageOf struct {
	limit int
	after string
}

// paging checks limit and after. A limit above the greatest is brought down to
// it: next tells that there is more.
func paging(limit *int, after string) (pageOf, error) {
	p := pageOf{limit: DefaultLimit, after: after}
	if limit == nil {
		return p, nil
	}
	if *limit < 1 {
		return p, invalid("limit", "give 1 to %d", "the limit is below 1", MaxLimit)
	}
	p.limit = min(*limit, MaxLimit)
	return p, nil
}

// number reads the place of a list that is ordered by ID.
func (p pageOf) number() (uint64, error) {
	if p.after == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(p.after, 10, 64)
	if err != nil {
		return 0, badAfter()
	}
	return n, nil
}

func badAfter() error {
	return invalid("after", "give the next of the former page as it was, or leave it out", "there is no such place in the list")
}

// nextNumber writes what number reads; 0 is the end.
func nextNumber[ID ~uint64](id ID) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(id), 10)
}

// contains reports whether one of the texts contains what is searched for,
// without regard to case.
func contains(q string, texts ...string) bool {
	q = strings.ToLower(q)
	for _, text := range texts {
		if strings.Contains(strings.ToLower(text), q) {
			return true
		}
	}
	return false
}

package records

import (
	"encoding/json"
	"fmt"

	"sitesync/shared/kv"
)

// versioned is a value in JSON that says the version of its form. Another one
// than this program's is refused, not guessed.
type versioned interface{ version() int }

func (m *Meta) version() int          { return m.Format }
func (p *past) version() int          { return p.Format }
func (it *item) version() int         { return it.Format }
func (f *badFrame) version() int      { return f.Format }
func (h *endedHandover) version() int { return h.Format }

func getJSON(tx *kv.Tx, key []byte, into any) (bool, error) {
	value, ok, err := tx.Get(key)
	if err != nil || !ok {
		return false, err
	}
	if err := parseJSON(value, into); err != nil {
		return false, fmt.Errorf("records: value of key %x: %w", key, err)
	}
	return true, nil
}

func parseJSON(value []byte, into any) error {
	if err := json.Unmarshal(value, into); err != nil {
		return err
	}
	if v, ok := into.(versioned); ok && v.version() != MetaFormat {
		return fmt.Errorf("it has format %d, this program knows %d", v.version(), MetaFormat)
	}
	return nil
}

func putJSON(tx *kv.Tx, key []byte, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("records: %T cannot be written: %v", value, err)) // our own types always can
	}
	tx.Set(key, b)
}

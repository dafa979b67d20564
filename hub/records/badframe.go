package records

import (
	"cmp"
	"encoding/binary"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// badFramesKept is how many frames of a site are kept, the newest.
const badFramesKept = 16

// badFrame is a frame that could not be taken, on disk. It has an ID among the
// quarantined changes, and can be looked at and discarded there.
type badFrame struct {
	Format   int              `json:"format"`
	Store    sitesync.StoreID `json:"store"`
	Received sitesync.Time    `json:"received"`
	Length   int              `json:"length"` // of the whole frame
	Frame    []byte           `json:"frame"`  // as much of it as is kept
	ID       uint64           `json:"id,omitempty"`

	State   sitesync.QuarantineState `json:"state,omitempty"` // discarded, or none
	Decided *sitesync.Time           `json:"decided,omitempty"`
	By      string                   `json:"by,omitempty"`
}

// shape is Q. Nothing is known of a frame but whose it is: the site stands in
// its place.
func (f *badFrame) shape(id uint64, place []byte) sitesync.Quarantined {
	return sitesync.Quarantined{ID: id, Store: f.Store, Reason: sitesync.ReasonBadFrame, Received: f.Received, Raw: f.Frame,
		Site: sitesync.SiteID(binary.BigEndian.Uint64(place[1:])), State: cmp.Or(f.State, sitesync.QuarantineOpen), Decided: f.Decided, By: f.By}
}

// BadFrame implements State. Frames are kept in the order they came, also
// where two come at once or the clock was set back.
func (d *DB) BadFrame(site sitesync.SiteID, store sitesync.StoreID, frame []byte, at time.Time) error {
	kept := frame[:min(len(frame), sitesync.MaxRecord)]
	return d.kv.Update(func(tx *kv.Tx) error {
		var keys [][]byte
		err := tx.Iterate(kv.Range{Prefix: badFramePrefix(site), KeysOnly: true}, func(key, _ []byte) (bool, error) {
			keys = append(keys, append([]byte(nil), key...))
			return true, nil
		})
		if err != nil {
			return err
		}
		place := uint64(at.UnixNano())
		if n := len(keys); n > 0 {
			place = max(place, binary.BigEndian.Uint64(keys[n-1][len(keys[n-1])-8:])+1)
		}
		for i := 0; i <= len(keys)-badFramesKept; i++ { // the others, which may be large, are not read
			var f badFrame
			if _, err := getJSON(tx, keys[i], &f); err != nil {
				return err
			}
			tx.Delete(keys[i])
			tx.Delete(quarantineIndexKey(f.ID))
		}
		id, err := nextQuarantineID(tx)
		if err != nil {
			return err
		}
		key := badFrameKey(site, place)
		putJSON(tx, key, badFrame{Format: MetaFormat, Store: store, Received: sitesync.At(at), Length: len(frame), Frame: kept, ID: id})
		tx.Set(quarantineIndexKey(id), key)
		return nil
	})
}

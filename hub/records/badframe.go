package records

import (
	"encoding/binary"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// badFramesKept is how many frames of a site are kept, the newest.
const badFramesKept = 16

// badFrame is a frame that could not be taken, on disk.
type badFrame struct {
	Format   int              `json:"format"`
	Store    sitesync.StoreID `json:"store"`
	Received sitesync.Time    `json:"received"`
	Length   int              `json:"length"` // of the whole frame
	Frame    []byte           `json:"frame"`  // as much of it as is kept
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
		for len(keys) >= badFramesKept {
			tx.Delete(keys[0])
			keys = keys[1:]
		}
		putJSON(tx, badFrameKey(site, place), badFrame{Format: MetaFormat, Store: store, Received: sitesync.At(at), Length: len(frame), Frame: kept})
		return nil
	})
}

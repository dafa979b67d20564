package registry

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sitesync/shared/sitesync"
)

// Identity is what agents know the hub by.
type Identity struct {
	Hub        [16]byte // random, made with the data directory
	Generation uint32   // from 1; grows with every restore and promotion
	Created    sitesync.Time
}

type hubRecord struct {
	header
	Hub        hubID         `json:"hub"`
	Key        digest        `json:"key"` // 256 random bits; leaves the hub with a backup only
	Generation uint32        `json:"generation"`
	Created    sitesync.Time `json:"created"`
}

// Identity gives the hub's identity.
func (r *Registry) Identity() Identity {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.hub.identity()
}

func (h hubRecord) identity() Identity {
	return Identity{Hub: h.Hub, Generation: h.Generation, Created: h.Created}
}

// GenerationProof shows an agent, and later the hub, that a generation was
// told by this hub or a copy of it: 16 bytes.
func (r *Registry) GenerationProof(generation uint32) []byte {
	text := binary.BigEndian.AppendUint32([]byte("generation"), generation)
	sum := r.seal(text)
	return sum[:16]
}

// CheckGenerationProof reports whether proof is the GenerationProof of
// generation, in constant time.
func (r *Registry) CheckGenerationProof(generation uint32, proof []byte) bool {
	return hmac.Equal(proof, r.GenerationProof(generation))
}

// seal is the HMAC-SHA256 of text with the hub's key.
func (r *Registry) seal(text []byte) digest {
	r.mu.RLock()
	key := r.index.hub.Key
	r.mu.RUnlock()
	mac := hmac.New(sha256.New, key[:])
	mac.Write(text)
	return digest(mac.Sum(nil))
}

// begin makes the hub's identity and the central site, once.
func (r *Registry) begin() error {
	return r.edit(func(e *edit) error {
		if _, known, err := get[hubRecord](e, keyHub); err != nil || known {
			return err
		}
		hub := hubRecord{Generation: 1, Created: e.at}
		rand.Read(hub.Hub[:])
		rand.Read(hub.Key[:])
		central := siteRecord{
			ID: sitesync.CentralSite, Name: "Central", Enabled: true, Transport: sitesync.TransportAuto,
			ActiveHere: true, Revision: 1, Created: e.at,
		}
		device := deviceRecord{Site: central.ID, Type: sitesync.TypeCentral}
		return errors.Join(
			e.put(keyHub, hub),
			e.put(keySite(central.ID), central),
			e.put(keyDevice(central.ID), device),
			e.put(keyName(foldName(central.Name)), nameRecord{Site: central.ID}),
			e.put(keyCount(idSite), countRecord{Next: uint64(central.ID) + 1}),
		)
	})
}

// How far numbers jump with a new generation: past everything that the hub may
// have given out after the copy was made that it was restored from.
const (
	jumpIDs      = 1 << 20
	jumpSessions = 1 << 32
)

// NewGeneration raises the generation above the present one and above seen,
// and lets IDs and session numbers jump ahead. For a hub that was restored or
// promoted.
func (r *Registry) NewGeneration(seen uint32) (Identity, error) {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	var hub hubRecord
	err := r.edit(func(e *edit) (err error) {
		if hub, err = need[hubRecord](e, keyHub); err != nil {
			return err
		}
		highest := max(hub.Generation, seen)
		if highest == math.MaxUint32 {
			return sitesync.Errorf(sitesync.CodeInvalid, "look for a damaged agent or hub", "there is no generation after %d", highest)
		}
		hub.Generation = highest + 1
		for _, kind := range idKinds {
			jump := uint64(jumpIDs)
			if kind == idSession {
				jump = jumpSessions
			}
			if _, err := e.reserve(kind, jump); err != nil {
				return err
			}
		}
		e.audit(systemActor("hub.generation"), sitesync.Audit{After: details{"generation": hub.Generation}.json()})
		return e.put(keyHub, hub)
	})
	if err != nil {
		return Identity{}, fmt.Errorf("registry: new generation: %w", err)
	}
	r.numbers.blocks = nil
	return hub.identity(), nil
}

package kv

import (
	"log/slog"
	"sync"
	"time"

	"sitesync/shared/sitesync"
)

// space is the state of a disk, in bytes.
type space struct{ free, total uint64 }

// checkEvery is how old a look at the disk may be for a small write.
const checkEvery = 200 * time.Millisecond

// guard refuses writes while the disk has less free than reserve. Besides the
// writes that it lets pass, the reserve is for what badger does on its own:
// memtables become tables, and tables are merged.
type guard struct {
	dir     string
	reserve uint64
	measure func(dir string) (space, error)
	log     *slog.Logger

	mu     sync.Mutex
	looked time.Time
	free   uint64
	full   bool
	blind  bool // the disk could not be measured
}

// check answers CodeDiskFull while there is too little room, from a look at
// the disk that is at most maxAge old. Where a disk cannot be measured nothing
// is refused.
func (g *guard) check(maxAge time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.look(maxAge)
	if !g.full {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeDiskFull,
		"free some space on this disk; writing then goes on by itself",
		"the disk of %s has only %d MiB left, and %d MiB are kept free", g.dir, g.free/mib, g.reserve/mib)
}

// room tells whether badger may rewrite what it has. That costs room before
// it gives any, so half of the reserve is for it.
func (g *guard) room() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.look(checkEvery)
	return g.blind || g.free > g.reserve/2
}

func (g *guard) look(maxAge time.Duration) {
	if maxAge > 0 && !g.looked.IsZero() && time.Since(g.looked) < maxAge {
		return
	}
	g.looked = time.Now()
	s, err := g.measure(g.dir)
	if err != nil {
		if !g.blind {
			g.log.Warn("cannot measure free disk space; a full disk will not be noticed", keyDir, g.dir, keyError, err)
		}
		g.blind, g.full = true, false
		return
	}
	g.blind, g.free = false, s.free
	if full := s.free < g.reserve; full != g.full {
		g.full = full
		if full {
			g.log.Warn("disk is full; nothing is written", keyDir, g.dir, keyFree, s.free, keyReserve, g.reserve)
		} else {
			g.log.Info("disk has room again", keyDir, g.dir, keyFree, s.free)
		}
	}
}

// defaultReserve is 64 MiB. The hub's memtables are large, and so is what is
// merged from them: there it is a sixteenth of the disk, up to 512 MiB.
func defaultReserve(o Options) uint64 {
	const least, most = 64 * mib, 512 * mib
	if o.Small {
		return least
	}
	s, err := o.measure(o.Dir)
	if err != nil {
		return least
	}
	return min(max(s.total/16, least), most)
}

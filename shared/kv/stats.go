package kv

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// Stats are counts since Open, and sizes.
type Stats struct {
	Commits  uint64 // Updates that wrote something and succeeded
	Groups   uint64 // commits that made them durable; each is one fsync
	Bytes    int64  // what the database takes on the disk, logs and tables; at most 10 s old
	DiskFree uint64 // bytes free on that disk; 0 when it cannot be measured
	Reserve  uint64 // bytes that are kept free on it: nothing is written below that
}

// Stats is cheap enough to be called for every request of a status page.
func (db *DB) Stats() Stats {
	return Stats{
		Commits:  db.commits.Load(),
		Groups:   db.groups.Load(),
		Bytes:    db.size.of(filepath.Join(db.dir, dataDir)),
		DiskFree: db.disk.left(),
		Reserve:  db.disk.reserve,
	}
}

func (g *guard) left() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.look(checkEvery)
	return g.free
}

// sizeCache remembers a directory's size, since a hub's has thousands of files.
type sizeCache struct {
	mu     sync.Mutex
	looked time.Time
	bytes  int64
}

func (c *sizeCache) of(dir string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.looked.IsZero() && time.Since(c.looked) < 10*time.Second {
		return c.bytes
	}
	c.looked, c.bytes = time.Now(), 0
	// A file that goes while we look is no error: badger drops tables all the time.
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if fi, err := d.Info(); err == nil {
				c.bytes += allocated(fi)
			}
		}
		return nil
	})
	return c.bytes
}

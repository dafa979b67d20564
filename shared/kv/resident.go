package kv

import (
	"path/filepath"
	"time"
)

const (
	// letGoEvery is how often a small database looks whether it holds more
	// than mostMapped bytes of its tables in memory.
	letGoEvery = 10 * time.Second
	mostMapped = 8 * mib
)

// stayLean keeps what a small database holds in memory small.
func (db *DB) stayLean() {
	dir := db.dataPath()
	tick := time.NewTicker(letGoEvery)
	defer tick.Stop()
	for {
		select {
		case <-db.stop:
			return
		case <-tick.C:
		}
		if err := letGo(dir, mostMapped); err != nil {
			db.log.Warn("memory was not given back", keyDir, db.dir, keyError, err)
			return
		}
	}
}

// dataPath gives the path of badger's files as the kernel shows it.
func (db *DB) dataPath() string {
	dir := filepath.Join(db.dir, dataDir)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return dir
}

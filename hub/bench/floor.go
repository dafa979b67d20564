package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"sitesync/shared/sample"
)

// batchSize is the changes of one durable batch, as a push has them.
const batchSize = 500

// floor measures what a bare Badger does of the same work: the agent's and the
// hub's part of a push one after the other on the same two cores, with no
// protocol between.
func (b *bench) floor() error {
	data := make([]sample.Record, b.records)
	source := sample.New(7)
	for i := range data {
		data[i] = source.StockLine()
	}
	hub, err := openBare(filepath.Join(b.dir, "floor-hub"), false)
	if err != nil {
		return err
	}
	defer hub.Close()
	agent, err := openBare(filepath.Join(b.dir, "floor-agent"), true)
	if err != nil {
		return err
	}
	defer agent.Close()

	write, err := b.timed(func() error { return writeBatches(hub, data, true) })
	if err != nil {
		return err
	}
	load, err := b.timed(func() error { return writeSmall(agent, data, "l/") })
	if err != nil {
		return err
	}
	outbox, err := b.timed(func() error { return writeSmall(agent, data, "r/", "o/") })
	if err != nil {
		return err
	}
	drain, err := b.timed(func() error { return drain(agent, len(data)) })
	if err != nil {
		return err
	}
	scan, err := b.timed(func() error { return scanAll(hub) })
	if err != nil {
		return err
	}
	n := float64(b.records)
	// Two processes on two cores overlap: the slower one decides.
	b.pushFloor = n / max(write, drain).Seconds()
	b.loadFloor = n / max(scan, load).Seconds()
	b.bulkFloor = n / outbox.Seconds()
	b.add(row{What: "bare badger: durable batches of 500 (record and log entry)", Value: n / write.Seconds(), Unit: "records/s"})
	b.add(row{What: "bare badger: read and delete an outbox", Value: n / drain.Seconds(), Unit: "records/s"})
	b.add(row{What: "bare badger: scan", Value: n / scan.Seconds(), Unit: "records/s"})
	b.add(row{What: "bare badger, agent's configuration: records", Value: n / load.Seconds(), Unit: "records/s"})
	b.add(row{What: "bare badger, agent's configuration: records and outbox", Value: b.bulkFloor, Unit: "records/s"})
	return b.groupCommit(agent)
}

func (b *bench) timed(fn func() error) (time.Duration, error) {
	began := time.Now()
	err := fn()
	return time.Since(began), err
}

// openBare opens a Badger in the hub's or the agent's configuration.
func openBare(dir string, small bool) (*badger.DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	o := badger.DefaultOptions(dir).WithSyncWrites(true).WithLogger(nil).WithDetectConflicts(false).WithMetricsEnabled(false)
	if small {
		o = o.WithMemTableSize(2 << 20).WithNumMemtables(2).WithBlockCacheSize(0).WithCompression(0).WithValueThreshold(128 << 10).
			WithValueLogFileSize(8 << 20).WithBaseTableSize(2 << 20).WithBaseLevelSize(32 << 20).WithNumLevelZeroTables(12).WithNumCompactors(2)
	}
	return badger.Open(o)
}

func writeBatches(db *badger.DB, data []sample.Record, log bool) error {
	for len(data) > 0 {
		batch := data[:min(batchSize, len(data))]
		err := db.Update(func(tx *badger.Txn) error {
			for i := range batch {
				if err := tx.Set([]byte("r/"+batch[i].ID), batch[i].Data); err != nil {
					return err
				}
				if !log {
					continue
				}
				if err := tx.Set([]byte("l/"+batch[i].ID), []byte(batch[i].ID)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		data = data[len(batch):]
	}
	return nil
}

// writeSmall writes each record under every prefix, as many at once as the
// small configuration takes.
func writeSmall(db *badger.DB, data []sample.Record, prefixes ...string) error {
	most := 500 / len(prefixes)
	for len(data) > 0 {
		batch := data[:min(most, len(data))]
		err := db.Update(func(tx *badger.Txn) error {
			for i := range batch {
				for _, prefix := range prefixes {
					if err := tx.Set([]byte(prefix+batch[i].ID), batch[i].Data); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		data = data[len(batch):]
	}
	return nil
}

// drain reads the outbox in batches and deletes each durably.
func drain(db *badger.DB, records int) error {
	from := []byte("o/") // past what was deleted, as a queue knows where it stands
	for done := 0; done < records; {
		err := db.Update(func(tx *badger.Txn) error {
			o := badger.DefaultIteratorOptions
			o.Prefix = []byte("o/")
			it := tx.NewIterator(o)
			defer it.Close()
			var keys [][]byte
			for it.Seek(from); it.Valid() && len(keys) < batchSize; it.Next() {
				if err := it.Item().Value(func([]byte) error { return nil }); err != nil {
					return err
				}
				keys = append(keys, it.Item().KeyCopy(nil))
			}
			if len(keys) == 0 {
				return fmt.Errorf("the floor's outbox ended at %d of %d", done, records)
			}
			for _, key := range keys {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			done += len(keys)
			from = append(keys[len(keys)-1], 0)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func scanAll(db *badger.DB) error {
	return db.View(func(tx *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = []byte("r/")
		it := tx.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := it.Item().Value(func([]byte) error { return nil }); err != nil {
				return err
			}
		}
		return nil
	})
}

// singleWrites is how many single writes are measured, from this many clients.
const (
	singleWrites  = 4000
	singleClients = 8
)

// groupCommit measures single durable writes of record and outbox entry from
// several goroutines.
func (b *bench) groupCommit(db *badger.DB) error {
	source := sample.New(8)
	errs := make(chan error, singleClients)
	var wait sync.WaitGroup
	began := time.Now()
	for c := range singleClients {
		r := source.StockLine()
		wait.Go(func() {
			for i := range singleWrites / singleClients {
				err := db.Update(func(tx *badger.Txn) error {
					key := fmt.Sprintf("%d/%d", c, i)
					if err := tx.Set([]byte("r/s"+key), r.Data); err != nil {
						return err
					}
					return tx.Set([]byte("p/s"+key), r.Data)
				})
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(errs)
	b.groupFloor = singleWrites / time.Since(began).Seconds()
	b.add(row{What: "bare badger: single durable writes, 8 at a time", Value: b.groupFloor, Unit: "writes/s"})
	return <-errs
}

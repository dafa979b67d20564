package kv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFileDurable puts data into the file path, in one step: whoever opens
// it, after a crash too, finds the old content or the new one, whole. When it
// returns nil the new one has been fsynced, with the directory's entry (but on
// Windows, where directories are the file system's own affair).
func WriteFileDurable(path string, data []byte, perm os.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
		}
	}()
	if err := fill(f, data, perm); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	return nil
}

// fill writes, syncs and closes f.
func fill(f *os.File, data []byte, perm os.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

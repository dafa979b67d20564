//go:build linux || darwin || freebsd

package kv

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// diskSpace asks the file system that dir is on.
func diskSpace(dir string) (space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return space{}, os.NewSyscallError("statfs", err)
	}
	block := uint64(st.Bsize)
	return space{free: uint64(st.Bavail) * block, total: uint64(st.Blocks) * block}, nil
}

// allocated gives the bytes that a file takes on the disk. Badger's logs are
// sparse: their length says nothing.
func allocated(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int64(st.Blocks) * 512
	}
	return fi.Size()
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

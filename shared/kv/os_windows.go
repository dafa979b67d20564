package kv

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// diskSpace asks the volume that dir is on.
func diskSpace(dir string) (space, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return space{}, err
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &total, &all); err != nil {
		return space{}, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return space{free: free, total: total}, nil
}

// allocated gives the bytes that a file takes on the disk. Badger's files are
// not sparse here.
func allocated(fi fs.FileInfo) int64 { return fi.Size() }

// syncDir does nothing: NTFS journals names, and a directory cannot be flushed.
func syncDir(string) error { return nil }

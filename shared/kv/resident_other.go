//go:build !linux

package kv

// letGo does nothing: other systems do not count mapped files so.
func letGo(string, int64) error { return nil }

//go:build !linux && !darwin && !windows

package bootclock

import "time"

func sinceBoot() (time.Duration, bool) { return 0, false }

func readBootID() string { return "" }

package main

import (
	"fmt"
	"os"
	"strings"
)

// loopback reads how many bytes have gone over the loopback interface, with
// all headers; 0 where the system does not tell.
func loopback() (received int64) {
	b, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != "lo" {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) > 0 {
			fmt.Sscan(fields[0], &received)
		}
	}
	return received
}

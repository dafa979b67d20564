package kv

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// letGo gives the memory in which the tables of dir are mapped back to the
// kernel, when it is more than most bytes. Badger maps whole tables, and every
// page that was ever read counts as the program's memory until somebody needs
// it; on a small tablet that makes the program the one to be killed.
//
// MADV_PAGEOUT (Linux 5.4) only says that the pages are not needed now. So it
// does no harm that badger may unmap a table meanwhile and something else take
// its place.
func letGo(dir string, most int64) error {
	tables, err := mappedTables(dir)
	if err != nil {
		return err
	}
	var resident int64
	for _, t := range tables {
		resident += t.resident
	}
	if resident <= most {
		return nil
	}
	for _, t := range tables {
		// An older kernel answers EINVAL, a table that has gone ENOMEM.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, t.start, t.end-t.start, unix.MADV_PAGEOUT)
	}
	return nil
}

// mapping is a table's place in memory.
type mapping struct {
	start, end uintptr
	resident   int64 // bytes
}

// mappedTables reads this process's own map.
func mappedTables(dir string) ([]mapping, error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var tables []mapping
	inside := false // the lines that follow are of a table of ours
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "Rss:") {
			if inside {
				var kb int64
				_, _ = fmt.Sscanf(line, "Rss: %d kB", &kb)
				tables[len(tables)-1].resident = kb * kib
			}
			continue
		}
		// start-end rights offset device inode path; other lines end a name
		// with a colon where this has its first blank.
		name, _, _ := strings.Cut(line, " ")
		if strings.HasSuffix(name, ":") {
			continue
		}
		inside = strings.Contains(line, " "+dir+"/") && strings.HasSuffix(line, ".sst")
		if inside {
			var m mapping
			if n, _ := fmt.Sscanf(name, "%x-%x", &m.start, &m.end); n != 2 {
				return nil, fmt.Errorf("memory map: %q", line)
			}
			tables = append(tables, m)
		}
	}
	return tables, lines.Err()
}

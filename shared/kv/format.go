package kv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sitesync/shared/sitesync"
)

const (
	kindHub   = "hub"
	kindAgent = "agent"

	formatFile = "FORMAT" // one line, "sitesync KIND FORMAT"
	dataDir    = "data"   // badger's own directory
)

// openFormat gives the format of the directory, and writes o's into a new one.
// That is durable before badger makes its first file, so no directory of ours
// is without it, and badger never opens one that is not for this program.
func openFormat(o Options) (int, error) {
	kind, format, err := readFormat(o.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return o.Format, newDirectory(o)
	case err != nil:
		return 0, err
	case kind != o.Kind:
		return 0, sitesync.Errorf(sitesync.CodeInvalid, "choose another data directory",
			"the directory %s holds the data of a sitesync %s, not of a sitesync %s", o.Dir, kind, o.Kind)
	case format > o.Format:
		return 0, sitesync.Errorf(sitesync.CodeDataNewer, "update this program, or choose another data directory",
			"the directory %s was written by a newer sitesync %s (format %d; this program reads up to %d)",
			o.Dir, kind, format, o.Format)
	}
	return format, nil
}

// newDirectory writes o's format, unless the directory has data without one.
func newDirectory(o Options) error {
	_, err := os.Stat(filepath.Join(o.Dir, dataDir, "MANIFEST"))
	if err == nil {
		return damagedFormat(o.Dir, "is missing")
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("kv: look into %s: %w", o.Dir, err)
	}
	// The directory's own name. We may lack the right to open its parent; then
	// the file system does as it always does.
	_ = syncDir(filepath.Dir(filepath.Clean(o.Dir)))
	return writeFormat(o)
}

func writeFormat(o Options) error {
	text := fmt.Sprintf("sitesync %s %d\n", o.Kind, o.Format)
	if err := WriteFileDurable(filepath.Join(o.Dir, formatFile), []byte(text), 0o600); err != nil {
		return fmt.Errorf("kv: write the format: %w", err)
	}
	return nil
}

func readFormat(dir string) (kind string, format int, err error) {
	f, err := os.Open(filepath.Join(dir, formatFile))
	if err != nil {
		return "", 0, fmt.Errorf("kv: read the format: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return "", 0, fmt.Errorf("kv: read the format: %w", err)
	}
	kind, format, ok := parseFormat(string(text))
	if !ok {
		return "", 0, damagedFormat(dir, "cannot be read")
	}
	return kind, format, nil
}

// parseFormat reads what writeFormat wrote, to the letter.
func parseFormat(text string) (kind string, format int, ok bool) {
	for _, kind := range []string{kindHub, kindAgent} {
		if n, err := fmt.Sscanf(text, "sitesync "+kind+" %d\n", &format); n == 1 && err == nil {
			return kind, format, format >= 1 && text == fmt.Sprintf("sitesync %s %d\n", kind, format)
		}
	}
	return "", 0, false
}

func damagedFormat(dir, what string) error {
	return sitesync.Errorf(sitesync.CodeInvalid, "restore it from a backup, or choose another data directory",
		"the file %s %s", filepath.Join(dir, formatFile), what)
}

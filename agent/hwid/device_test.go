package hwid

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlatform(t *testing.T) {
	if got := Platform(); !strings.HasPrefix(got, runtime.GOOS+"/"+runtime.GOARCH) || len(got) > maxPlatform {
		t.Errorf("Platform = %q", got)
	}
	here := runtime.GOOS + "/" + runtime.GOARCH
	for _, test := range []struct{ name, version, want string }{
		{"debian", "12.5", here + " debian 12.5"},
		{"", "14", here + " 14"},
		{"arch", "", here + " arch"},
		{"", "", here},
		{"evil\x1b[31m\n", "\x00 1 ", here + " evil[31m 1"},
	} {
		if got := platform(test.name, test.version); got != test.want {
			t.Errorf("platform(%q, %q) = %q, want %q", test.name, test.version, got, test.want)
		}
	}
	if got := platform(strings.Repeat("é", 100), ""); len(got) > maxPlatform || !utf8.ValidString(got) {
		t.Errorf("a long name gives %q", got)
	}
}

func TestDiskFree(t *testing.T) {
	if free, err := DiskFree(t.TempDir()); err != nil || free == 0 {
		t.Errorf("DiskFree = %d, %v", free, err)
	}
	if _, err := DiskFree(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error for a directory that is not there")
	}
}

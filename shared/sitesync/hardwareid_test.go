package sitesync_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sitesync/shared/sitesync"
)

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// The vector comes from a separate implementation, in another language: an ID
// must be the same everywhere.
func TestHardwareIDVector(t *testing.T) {
	id := sitesync.NewHardwareID(sha256.Sum256([]byte("sitesync")))
	if want := sitesync.HardwareID("JUGRRSJF6NM36UTIHJS2LAP7JFAA"); id != want {
		t.Errorf("NewHardwareID = %s, want %s", id, want)
	}
	if got, want := id.Grouped(), "JUGR-RSJF-6NM3-6UTI-HJS2-LAP7-JFAA"; got != want {
		t.Errorf("Grouped = %s, want %s", got, want)
	}
}

func TestParseHardwareIDSpellings(t *testing.T) {
	id := sitesync.NewHardwareID(sha256.Sum256([]byte("sitesync")))
	for name, s := range map[string]string{
		"ungrouped":        string(id),
		"grouped":          id.Grouped(),
		"lower case":       strings.ToLower(id.Grouped()),
		"spaces":           " " + strings.ReplaceAll(id.Grouped(), "-", " ") + "\r\n",
		"spaces and lines": strings.ReplaceAll(id.Grouped(), "-", " - "),
	} {
		if got, err := sitesync.ParseHardwareID(s); err != nil || got != id {
			t.Errorf("%s: ParseHardwareID(%q) = %s, %v", name, s, got, err)
		}
	}
}

func TestParseHardwareIDRefuses(t *testing.T) {
	id := string(sitesync.NewHardwareID(sha256.Sum256([]byte("sitesync"))))
	for name, s := range map[string]string{
		"empty":             "",
		"too short":         id[1:],
		"too long":          id + "A",
		"far too long":      strings.Repeat(id+" ", 1000),
		"digit of no ID":    "0" + id[1:],
		"other punctuation": id[:4] + "_" + id[4:],
		"letter like S":     strings.Replace(id, "S", "ſ", 1),
		"all the same":      strings.Repeat("A", 28),
		"a MAC address":     "00:11:22:33:44:55",
	} {
		got, err := sitesync.ParseHardwareID(s)
		e := sitesync.AsError(err)
		if e == nil || e.Code != sitesync.CodeInvalid || e.Next == "" || got != "" {
			t.Errorf("%s: ParseHardwareID = %q, %v, want invalid with a next step", name, got, err)
		}
	}
}

func TestHardwareIDFindsEveryOneOrTwoWrongCharacters(t *testing.T) {
	id := []byte(sitesync.NewHardwareID(sha256.Sum256([]byte("sitesync"))))
	valid := func() bool { return sitesync.HardwareID(id).Valid() }
	for i := range id {
		was := id[i]
		for _, c := range []byte(digits) {
			if id[i] = c; valid() != (c == was) {
				t.Fatalf("%c for %c at %d: Valid = %v", c, was, i, valid())
			}
			for j := i + 1; j < len(id) && c != was; j++ {
				was := id[j]
				for _, c := range []byte(digits) {
					if id[j] = c; valid() {
						t.Fatalf("two wrong characters at %d and %d are not found: %s", i, j, id)
					}
				}
				id[j] = was
			}
		}
		id[i] = was
	}
	for _, c := range digits {
		if s := strings.Repeat(string(c), len(id)); sitesync.HardwareID(s).Valid() {
			t.Errorf("%s is an ID", s)
		}
	}
}

func TestHardwareIDProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sum := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
		id := sitesync.NewHardwareID(sum)
		if got, err := sitesync.ParseHardwareID(id.Grouped()); err != nil || got != id || !id.Valid() {
			t.Fatalf("%s does not survive its grouped form: %s, %v", id, got, err)
		}
		swapped := []byte(id)
		i := rapid.IntRange(0, len(id)-1).Draw(t, "i")
		j := rapid.IntRange(0, len(id)-1).Draw(t, "j")
		swapped[i], swapped[j] = swapped[j], swapped[i]
		if got := sitesync.HardwareID(swapped); got != id && got.Valid() {
			t.Fatalf("a swap of %d and %d is not found: %s", i, j, got)
		}
	})
}

func FuzzParseHardwareID(f *testing.F) {
	id := sitesync.NewHardwareID(sha256.Sum256([]byte("sitesync")))
	f.Add(string(id))
	f.Add(strings.ToLower(id.Grouped()))
	f.Add("0O1I-8B")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := sitesync.ParseHardwareID(s)
		if err != nil {
			if sitesync.CodeOf(err) != sitesync.CodeInvalid {
				t.Fatalf("ParseHardwareID(%q): %v", s, err)
			}
			return
		}
		again, err := sitesync.ParseHardwareID(id.Grouped())
		if !id.Valid() || err != nil || again != id {
			t.Fatalf("ParseHardwareID(%q) = %q, then %q, %v", s, id, again, err)
		}
	})
}

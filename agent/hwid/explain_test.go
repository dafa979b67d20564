package hwid

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	const uuid, disk = "4c4c4544-0042-3510-8052-b3c04f4b4e32", "s3z8nb0k123456f"
	facts := func(edit func(named)) Facts {
		n := named{
			"product_uuid":  known(uuid).guarded(),
			"disk_serial":   known(disk),
			"mac:enp0s31f6": known("00:1b:21:aa:bb:cc"),
			"mac:tun0":      ignored("no hardware behind it"),
			"board_serial":  known("Default string").guarded(),
			"machine_id":    known("b08dfa6083e7567a1921a715000001fb"),
		}
		edit(n)
		return Facts{Named: n, Random: "x"}
	}
	atFirst := facts(func(named) {})
	later := facts(func(n named) {
		n["product_uuid"] = unreadable(os.ErrPermission)
		n["mac:enp0s31f6"] = known("00:1b:21:dd:ee:ff")
		delete(n, "machine_id")
	})
	other := facts(func(n named) {
		n["product_uuid"] = known("6f1d2c3b-4a59-4687-9b0c-1d2e3f405162").guarded()
		n["disk_serial"] = known("ct500mx500-99")
		n["mac:enp0s31f6"] = known("00:1b:21:dd:ee:ff")
	})

	var b strings.Builder
	kept, d := Identify(nil, atFirst)
	show := func(title string, k Kept, d Decision) {
		b.WriteString("# " + title + "\n")
		if err := Explain(&b, k, d); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	}
	show("at first", kept, d)
	next, d := Identify(&kept, later)
	show("later, as a user, with another card", next, d)
	next, d = Identify(&kept, other)
	show("copied", next, d)
	weak, d := Identify(nil, Facts{Random: "x", Test: true})
	show("nothing to read, from a file", weak, d)

	want, err := os.ReadFile("testdata/explain.golden")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("Explain wrote\n%s\nwant\n%s", &b, want)
	}
	decision, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{uuid, disk, "00:1b:21:aa:bb:cc", "b08dfa6083e7567a1921a715000001fb"} {
		if strings.Contains(b.String(), secret) || strings.Contains(string(decision), secret) {
			t.Errorf("a value is shown whole: %s", secret)
		}
	}
}

func TestShorten(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "a": "…", "abcd": "a…", "abcdefghijk": "ab…", "abcdefghijkl": "abc…jkl", "ééééééééééééz": "ééé…ééz",
	} {
		if got := shorten(value); got != want {
			t.Errorf("shorten(%q) = %q, want %q", value, got, want)
		}
	}
}

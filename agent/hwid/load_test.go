package hwid

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

func writeFacts(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "facts.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoad(t *testing.T) {
	facts, err := Load(writeFacts(t, `{
		"product_uuid": "4C4C4544-0042-3510-8052-B3C04F4B4E32", "board serial": "Default string", "disk-serial": null,
		"machineId": " B08D ", "mac": "02:00:00:00:00:01", "MAC:eth0": "02:00:00:00:00:02", "mac_eth1": "02:00:00:00:00:03",
		"mac2": "02:00:00:00:00:04", "Label": "Tablet 17", "sensors": [1, "a"], "machine_type": "rx", "empty": ""}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Fact{
		"product_uuid": known("4c4c4544-0042-3510-8052-b3c04f4b4e32"),
		"board_serial": ignored("what makers write when they give no number"),
		"disk_serial":  {State: Unreadable, Why: "the file says null"},
		"machine_id":   known("b08d"),
		"mac":          known("02:00:00:00:00:01"),
		"mac:eth0":     known("02:00:00:00:00:02"),
		"mac:eth1":     known("02:00:00:00:00:03"),
		"mac:2":        known("02:00:00:00:00:04"),
		"label":        known("tablet 17"),
		"sensors":      known(`[1,"a"]`),
		"machine_type": known("rx"),
		"empty":        ignored("the file gives it no value"),
	}
	if !maps.Equal(facts.Named, want) {
		t.Errorf("Load = %+v\nwant %+v", facts.Named, want)
	}
	if kept, d := Identify(nil, facts); !kept.Test || !d.Test || d.Weak {
		t.Errorf("not test hardware: %+v", d)
	}
}

func TestLoadedFactsMakeTheID(t *testing.T) {
	id := func(text string) sitesync.HardwareID {
		facts, err := Load(writeFacts(t, text))
		if err != nil {
			t.Fatal(err)
		}
		kept, _ := Identify(nil, facts)
		return kept.ID
	}
	a := id(`{"product_uuid":"A-1","mac":"02:00:00:00:00:01"}`)
	if again := id(`{"mac":"02:00:00:00:00:01","productUUID":"a-1","machine_id":"m"}`); again != a {
		t.Errorf("the same facts, in another order and spelling: %s and %s", a, again)
	}
	if b := id(`{"product_uuid":"A-2","mac":"02:00:00:00:00:01"}`); b == a {
		t.Error("another UUID does not change the ID of test hardware")
	}
	if x, y := id(`{}`), id(`{}`); x == y {
		t.Error("two devices with nothing to read have one ID")
	}
}

func TestLoadRefuses(t *testing.T) {
	many := make([]string, maxFacts+1)
	for i := range many {
		many[i] = fmt.Sprintf(`"fact%d":"v"`, i)
	}
	for name, text := range map[string]string{
		"empty":        "",
		"no object":    `["a"]`,
		"null":         `null`,
		"cut short":    `{"a":"b"`,
		"two objects":  `{"a":"b"}{}`,
		"twice":        `{"product_uuid":"a","productUUID":"b"}`,
		"no name":      `{"":"a"}`,
		"long name":    `{"` + strings.Repeat("n", maxName+1) + `":"a"}`,
		"control":      `{"a\u001b":"a"}`,
		"too many":     "{" + strings.Join(many, ",") + "}",
		"far too long": `{"a":"` + strings.Repeat("v", maxFactsFile) + `"}`,
	} {
		_, err := Load(writeFacts(t, text))
		if e := sitesync.AsError(err); e == nil || e.Code != sitesync.CodeInvalid || e.Next == "" {
			t.Errorf("%s: Load: %v, want invalid with a next step", name, err)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none.json"), t.TempDir()} {
		_, err := Load(path)
		if e := sitesync.AsError(err); e == nil || e.Code != sitesync.CodeInvalid || e.Unwrap() == nil {
			t.Errorf("Load(%s): %v, want invalid with its cause", path, err)
		}
	}
}

func FuzzParseFacts(f *testing.F) {
	f.Add([]byte(`{"product_uuid":"a","mac eth0":null,"x":[1, 2]}`))
	f.Add([]byte(`{"mac":{},"mac:":1e9}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		facts, err := parseFacts(text)
		if err != nil {
			if sitesync.CodeOf(err) != sitesync.CodeInvalid {
				t.Fatalf("parseFacts(%q): %v", text, err)
			}
			return
		}
		for _, name := range slices.Sorted(maps.Keys(facts)) {
			fact := facts[name]
			if name == "" || len(name) > maxName || fact.State == Absent || (fact.State == Read) != (fact.Value != "") || len(fact.Value) > maxValue {
				t.Fatalf("%q became %q: %+v", text, name, fact)
			}
		}
		kept, _ := Identify(nil, Facts{Named: facts, Random: "x", Test: true})
		if again, d := Identify(&kept, Facts{Named: facts, Random: "y", Test: true}); again.ID != kept.ID {
			t.Fatalf("the same file read again is another device: %+v", d)
		}
	})
}

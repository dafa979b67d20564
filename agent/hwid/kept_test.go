package hwid

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

// A kept file of every released format must stay readable.
func TestKeptGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/kept_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := ParseKept(text)
	if err != nil {
		t.Fatal(err)
	}
	facts := Facts{Named: map[string]Fact{
		"disk_serial": known("S3Z8NB0K123456F"), "mac:eth0": known("00:1b:21:aa:bb:cc"), "machine_id": known("b08dfa6083e7567a1921a715000001fb"),
	}}
	next, d := Identify(kept, facts)
	if d.Verdict != Same {
		t.Errorf("verdict %s on the device that wrote it: %+v", d.Verdict, d)
	}
	if again, err := json.MarshalIndent(next, "", "  "); err != nil || string(again)+"\n" != string(text) {
		t.Errorf("written again it is\n%s\nwas\n%s", again, text)
	}
}

func TestParseKeptRefuses(t *testing.T) {
	good, err := os.ReadFile("testdata/kept_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, new string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("%q is not in the golden file", old)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	for name, test := range map[string]struct {
		text string
		code sitesync.Code
	}{
		"empty":                         {"", sitesync.CodeInvalid},
		"cut short":                     {string(good[:len(good)/2]), sitesync.CodeInvalid},
		"zeros":                         {strings.Repeat("\x00", 100), sitesync.CodeInvalid},
		"another object":                {"{}", sitesync.CodeInvalid},
		"huge":                          {`{"version":1,"id":"` + strings.Repeat("A", maxKept) + `"}`, sitesync.CodeInvalid},
		"later format":                  {edit(`"version": 1`, `"version": 2`), sitesync.CodeDataNewer},
		"wrong type":                    {edit(`"evidence": {`, `"evidence": 5, "x": {`), sitesync.CodeInvalid},
		"no evidence":                   {edit(`"evidence"`, `"other"`), sitesync.CodeInvalid},
		"hash cut short":                {edit(`"disk_serial": "`, `"disk_serial": "", "x": "`), sitesync.CodeInvalid},
		"name with control":             {edit(`disk_serial`, `disk\u001b[31m`), sitesync.CodeInvalid},
		"name too long":                 {edit(`disk_serial`, strings.Repeat("d", maxName+1)), sitesync.CodeInvalid},
		"one wrong character of the ID": {edit(`"id": "`, `"id": "A`), sitesync.CodeInvalid},
	} {
		kept, err := ParseKept([]byte(test.text))
		e := sitesync.AsError(err)
		if kept != nil || e == nil || e.Code != test.code || e.Next == "" {
			t.Errorf("%s: ParseKept = %+v, %v, want %s with a next step", name, kept, err, test.code)
		}
	}
}

func FuzzParseKept(f *testing.F) {
	good, err := os.ReadFile("testdata/kept_v1.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"id":"","evidence":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		kept, err := ParseKept(text)
		if err != nil {
			if sitesync.AsError(err) == nil {
				t.Fatalf("an error without advice: %v", err)
			}
			return
		}
		next, _ := Identify(kept, Facts{Random: "x"})
		again, err := json.Marshal(next)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseKept(again); err != nil {
			t.Fatalf("what Identify made of it is refused: %v\n%s", err, again)
		}
	})
}

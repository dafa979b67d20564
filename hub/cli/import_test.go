package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

// export makes a file of two stores, one with more changes than a part takes.
func export(changes int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"format":1,"kind":"sitesync-outbox","site":6,"hub":"aa","replica":"%032d","exported":"2026-01-01T00:00:00.000Z","changes":%d}`+"\n", 7, changes+1)
	line := func(store, n int, before string) {
		fmt.Fprintf(&b, `{"store":%d,"code":"A","epoch":"1.4","n":%d,"chain":"%032d","op":"delete","table":"t","id":"x"%s}`+"\n", store, n, n, before)
	}
	for n := 11; n < 11+changes; n++ {
		before := ""
		if n == 11 {
			before = fmt.Sprintf(`,"before":"%032d"`, 10)
		}
		line(3, n, before)
	}
	line(4, 1, fmt.Sprintf(`,"before":"%032d"`, 0))
	return b.String()
}

// TestImportParts cuts a file into parts that each begin with the chain before.
func TestImportParts(t *testing.T) {
	var parts []string
	total, err := sendOutbox(strings.NewReader(export(1200)), func(p *importPart) (admin.ImportResult, error) {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var in struct {
			Site    int
			Hub     string
			Replica sitesync.ReplicaID
			Changes []admin.ImportLine
		}
		if err := json.Unmarshal(text, &in); err != nil || in.Site != 6 || in.Hub != "aa" || in.Replica.IsZero() {
			t.Fatalf("%+v, %v", in, err)
		}
		first, last := in.Changes[0], in.Changes[len(in.Changes)-1]
		parts = append(parts, fmt.Sprintf("%d: %d-%d after %s", first.Store, first.N, last.N, strings.TrimLeft(first.Before.String(), "0")))
		return admin.ImportResult{Quarantined: len(in.Changes) - 1, Known: 1}, nil
	})
	want := "3: 11-510 after 10, 3: 511-1010 after 510, 3: 1011-1210 after 1010, 4: 1-1 after "
	if got := strings.Join(parts, ", "); err != nil || got != want || total.Quarantined != 1197 || total.Known != 4 {
		t.Errorf("parts %s, %+v, %v", got, total, err)
	}
}

// TestImportBadFiles says which line is wrong, and sends nothing of a file that
// is none.
func TestImportBadFiles(t *testing.T) {
	good := export(2)
	for name, file := range map[string]string{
		"empty":         "",
		"no export":     "{}\n",
		"another kind":  strings.Replace(good, "sitesync-outbox", "x", 1),
		"newer":         strings.Replace(good, `"format":1`, `"format":2`, 1),
		"a bad line":    strings.Replace(good, `{"store":3`, `{"store":"3`, 1),
		"cut short":     good[:strings.LastIndex(good[:len(good)-1], "\n")+1],
		"no beginning":  strings.Replace(good, `,"before":"`+strings.Repeat("0", 30)+`10"`, "", 1),
		"cut in a line": good[:len(good)-20],
	} {
		_, err := sendOutbox(strings.NewReader(file), func(*importPart) (r admin.ImportResult, _ error) { return r, nil })
		if e := sitesync.AsError(err); e == nil || e.Code != sitesync.CodeInvalid || e.Next == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	failed := sitesync.Errorf(sitesync.CodeInUse, "next", "refused")
	if _, err := sendOutbox(strings.NewReader(good), func(*importPart) (r admin.ImportResult, _ error) { return r, failed }); err != error(failed) {
		t.Errorf("%v", err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(export(3)))
	f.Fuzz(func(t *testing.T, file []byte) {
		lines := bytes.Count(file, []byte("\n"))
		sent := 0
		_, _ = sendOutbox(bytes.NewReader(file), func(p *importPart) (r admin.ImportResult, _ error) {
			sent += len(p.Changes)
			return r, nil
		})
		if sent > lines {
			t.Errorf("%d lines sent of %d", sent, lines)
		}
	})
}

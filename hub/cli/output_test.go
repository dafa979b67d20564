package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was printed with testdata/NAME.golden.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", file, got, want)
	}
}

// testView prints into a buffer, hints in lines that begin with "> ".
func testView(format string, colour bool) (*view, *bytes.Buffer) {
	b := new(bytes.Buffer)
	zone := time.FixedZone("CET", 3600)
	return &view{out: b, hints: hints{b}, format: format, colour: colour, zone: zone,
		now: time.Date(2026, 11, 23, 14, 8, 10, 0, zone)}, b
}

type hints struct{ b *bytes.Buffer }

func (h hints) Write(p []byte) (int, error) {
	h.b.WriteString("> ")
	return h.b.Write(p)
}

const (
	siteNadi = `{"id":6,"code":"NAD","name":"Nadi Hôpital","type":"mobile","enabled":true,"hardwareId":"AEAAAAAAAAAAAAAAAAAAAAAAAAIN","transport":"auto",
		"stores":[{"id":3,"code":"NAD1","name":"x","epoch":"1.4","phase":"active"},{"id":4,"code":"NAD2","name":"y","epoch":"1.2","phase":"loading"}],
		"state":"online","lastSeen":"2026-11-23T13:05:10.000Z","lastSync":"2026-11-23T13:05:09.500Z","backlog":12,"version":"1.0","platform":"linux\u001b[31m arm64",
		"clockSkewMs":-1500,"problem":null,"revision":7,"activeHere":false,"maxOffline":0,"mirror":false}`
	siteNew = `{"id":12,"code":"","name":"東京","type":"","enabled":true,"hardwareId":null,"transport":"wss","stores":[],"state":"never","lastSeen":null,"lastSync":null,
		"backlog":0,"version":"","platform":"","clockSkewMs":0,"problem":{"code":"bad_credentials","message":"Wrong password.","next":"Enter the right one."},
		"revision":1,"activeHere":false,"maxOffline":0,"mirror":false}`
	handoverOne = `{"id":9,"store":4,"from":1,"to":6,"state":"loading","epoch":"1.2","started":"2026-11-21T13:05:10.000Z","ended":null,
		"sent":{"records":1,"bytes":999},"total":{"records":100000,"bytes":12345678},"eta":null,"by":"admin"}`
	handoverTwo = `{"id":10,"store":4,"from":6,"to":7,"state":"draining","epoch":"1.3","started":"2026-11-23T12:05:10.000Z","ended":null,
		"sent":{"records":0,"bytes":0},"total":{"records":5,"bytes":500},"eta":null,"by":"anna","waiting":12,"code":"NAD2","fromName":"Nadi","toName":"Suva"}`
	handoverThree = `{"id":11,"store":4,"from":6,"to":7,"state":"forced","epoch":"1.3","started":"2026-11-23T12:05:10.000Z","ended":"2026-11-23T13:05:10.000Z",
		"sent":{"records":5,"bytes":500},"total":{"records":5,"bytes":500},"eta":null,"by":"anna","forced":"lease:expired","code":"NAD2","fromName":"Nadi","toName":"Suva"}`
	handoverFour = `{"id":12,"store":4,"from":6,"to":7,"state":"loading","epoch":"1.3","started":"2026-11-23T12:05:10.000Z","ended":null,"drained":"2026-11-23T12:06:10.000Z",
		"sent":{"records":40,"bytes":12000},"total":{"records":100,"bytes":30000},"eta":"2026-11-23T13:12:40.000Z","rate":1500,"by":"anna","code":"NAD2","fromName":"Nadi","toName":"Suva"}`
	itemOne = `{"id":7,"store":3,"table":"stock","record":"aspirin\u202e","op":"put","data":{"packs":12,"note":"x"},"reason":"stale_epoch","site":6,"epoch":"1.4","n":12,
		"received":"2026-11-23T12:05:10.000Z","present":{"packs":7},"state":"open","code":"NAD1","siteName":"Nadi"}`
	itemTwo = `{"id":8,"store":3,"table":"stock","record":"b","op":"delete","data":null,"reason":"schema","site":9,"epoch":"1.4","n":13,
		"received":"2026-11-23T12:05:10.000Z","present":null,"state":"discarded","decided":"2026-11-23T13:05:10.000Z","by":"anna"}`
	itemThree = `{"id":9,"store":3,"table":"","record":"","op":"","data":null,"reason":"bad_frame","site":6,"epoch":"0.0","n":0,
		"received":"2026-11-23T12:05:10.000Z","present":null,"state":"open","raw":"AAEC","code":"NAD1","siteName":"Nadi"}`
	storeOne = `{"id":4,"code":"NAD2","name":"Ward","tags":["region:west","kind:ward"],"site":6,"epoch":"1.2","phase":"loading","handover":` + handoverOne + `,
		"records":100000,"bytes":12345678,"head":"abc","digest":"00112233445566778899aabbccddeeff"}`
	userAnna = `{"name":"anna","kind":"user","role":"viewer","data":true,"enabled":false,"expires":null,"lastUsed":null,"created":"2026-11-21T13:05:10.000Z"}`
	tokenOld = `{"name":"script","kind":"token","role":"admin","data":false,"enabled":true,"expires":"2026-11-22T13:05:10.000Z","lastUsed":"2026-11-22T13:00:00.000Z",
		"created":"2026-11-21T13:05:10.000Z"}`
	auditSite = `{"at":"2026-11-23T13:05:10.000Z","by":"anna","from":"192.0.2.7","command":"site.update","id":"x","site":6,"store":null,
		"before":{"name":"Nadi","revision":7},"after":{"name":"Nadi\u001b[31m Hospital","revision":8,"storesAdded":["NAD1"]}}`
	auditRecord = `{"at":"2026-11-23T13:05:09.000Z","by":"admin","from":"192.0.2.7","command":"record.delete","id":"","site":null,"store":3,"before":{"quantity":  40},"after":null}`
	hubWell     = `{"version":"1.2.3","hub":"000102030405060708090a0b0c0d0e0f","generation":2,"started":"2026-11-21T13:05:10.000Z","uptime":183780,
		"connections":{"devices":1,"refused":0,"persons":2,"halfOpen":0},"sites":{"total":4,"online":2,"offline":1,"never":1,"refused":0},"stores":{"total":2,"active":2,"draining":0},
		"handovers":0,"quarantine":3,"backlog":12,"database":{"bytes":12345678,"diskFree":99000000000,"commits":100,"commitMs":1.25,"commitMs99":7.5},
		"rates":{"pushed":120.4,"quarantined":0,"fed":3,"bytesIn":54321,"bytesOut":999}}`
	recordOne = `{"store":3,"table":"stock","id":"aspirin\u202e","data":{ "text": "a\u0007b", "n":1.0 },"etag":"0011","changed":"2026-11-23T13:08:09.900Z"}`
)

func TestGolden(t *testing.T) {
	tests := []struct {
		name, command, result string
	}{
		{"site", "site.get", `{"site":` + siteNadi + `}`},
		{"site-new", "site.create", `{"site":` + siteNew + `}`},
		{"site-update", "site.update", `{"site":` + siteNadi + `,"effects":["the code becomes \"NAD\"","store NAD2 goes to \"Nadi\" at once"],"handovers":[` + handoverOne + `]}`},
		{"site-update-nothing", "site.update", `{"site":` + siteNew + `,"effects":[],"handovers":[]}`},
		{"site-join", "site.join", `{"join":"sitesync1:abc","qr":"<svg/>"}`},
		{"store", "store.get", `{"store":` + storeOne + `}`},
		{"store-move", "store.move", `{"handover":` + handoverOne + `}`},
		{"store-move-nothing", "store.move", `{"handover":null}`},
		{"handover-draining", "handover.get", `{"handover":` + handoverTwo + `}`},
		{"handover-forced", "handover.force", `{"handover":` + handoverThree + `}`},
		{"handover-loading", "handover.cancel", `{"handover":` + handoverFour + `}`},
		{"quarantine", "quarantine.get", `{"item":` + itemOne + `,"fields":[{"name":"note","change":"x","present":null,"differs":true},{"name":"packs","change":12,"present":12,"differs":false}]}`},
		{"quarantine-delete", "quarantine.get", `{"item":` + itemTwo + `,"fields":[]}`},
		{"quarantine-frame", "quarantine.get", `{"item":` + itemThree + `,"fields":[]}`},
		{"quarantine-apply", "quarantine.apply", `{"item":` + itemOne + `}`},
		{"quarantine-import", "quarantine.import", `{"quarantined":500,"known":1}`},
		{"site-check", "site.check", `{"ms":412,"version":"1.0","platform":"linux arm64","clockSkewMs":-90500,"backlog":1,"diskFree":12345678901}`},
		{"site-sync-queued", "site.sync", `{"asked":17,"state":"waiting","online":false,"since":"2026-11-23T12:08:10.000Z","until":"2026-11-30T13:08:10.000Z"}`},
		{"site-log", "site.log", `{"asked":18,"state":"done","online":true,"lines":["level=INFO msg=a","level=WARN msg=\u001b[31mb"]}`},
		{"site-wipe", "site.wipe", `{"asked":19,"state":"done","online":false,"wiped":true,"unsent":3}`},
		{"user-create", "user.create", `{"user":` + userAnna + `,"password":"abcd2345"}`},
		{"token-create", "token.create", `{"user":` + tokenOld + `,"token":"sst1_abc"}`},
		{"hub-status", "hub.status", hubWell},
		{"record", "record.get", `{"record":` + recordOne + `}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			row, _ := admin.Lookup(tt.command)
			v, b := testView(outputTable, false)
			if err := v.result(&row, json.RawMessage(tt.result)); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, b.Bytes())
		})
	}
}

func TestGoldenLists(t *testing.T) {
	for _, tt := range []struct {
		name, command, next, format string
		colour                      bool
		items                       []string
	}{
		{"site-list", "site.list", "", outputTable, false, []string{siteNadi, siteNew}},
		{"site-list-colour", "site.list", "", outputTable, true, []string{siteNadi, siteNew}},
		{"site-list-more", "site.list", "12", outputTable, false, []string{siteNew}},
		{"site-list-empty", "site.list", "", outputTable, false, nil},
		{"store-list", "store.list", "", outputTable, false, []string{storeOne}},
		{"handover-list", "handover.list", "", outputTable, false, []string{handoverFour, handoverThree, handoverTwo, handoverOne}},
		{"quarantine-list", "quarantine.list", "", outputTable, false, []string{itemOne, itemTwo, itemThree}},
		{"quarantine-list-empty", "quarantine.list", "", outputTable, false, nil},
		{"site-asked", "site.asked", "", outputTable, false, []string{
			`{"id":17,"site":6,"command":"resync","args":{},"by":"anna","at":"2026-11-23T12:08:10.000Z","until":"2026-11-30T13:08:10.000Z","state":"waiting"}`,
			`{"id":18,"site":6,"command":"log","args":{"lines":2},"by":"anna","at":"2026-11-23T12:08:10.000Z","until":"2026-11-30T13:08:10.000Z","state":"done","result":{"lines":["a"]}}`}},
		{"user-list", "user.list", "", outputTable, false, []string{userAnna}},
		{"token-list", "token.list", "", outputTable, false, []string{tokenOld}},
		{"audit-list", "audit.list", "abc-def", outputTable, false, []string{auditSite, auditRecord}},
		{"record-list", "record.list", "", outputTable, false, []string{recordOne}},
		{"record-list-json", "record.list", "stock/aspirin", outputJSON, false, []string{recordOne}},
		{"record-list-ndjson", "record.list", "", outputLines, false, []string{recordOne, recordOne}},
		{"record-list-json-empty", "record.list", "", outputJSON, false, nil},
		{"record-list-ndjson-empty", "record.list", "", outputLines, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row, _ := admin.Lookup(tt.command)
			v, b := testView(tt.format, tt.colour)
			var items []json.RawMessage
			for _, item := range tt.items {
				items = append(items, json.RawMessage(item))
			}
			if err := v.list(&row, items, tt.next); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, b.Bytes())
		})
	}
}

// TestEveryResultIsShown: the table's commands all have a view of their own,
// and every list says what to do when it is empty.
func TestEveryResultIsShown(t *testing.T) {
	for _, row := range admin.Commands() {
		v, b := testView(outputTable, false)
		if err := v.result(&row, json.RawMessage(`{}`)); err != nil {
			if !strings.Contains(err.Error(), "phase") { // a shape with nothing in it
				t.Errorf("%s: %v", row.Name, err)
			}
		}
		if strings.HasPrefix(b.String(), "{") {
			t.Errorf("%s is shown as JSON", row.Name)
		}
		if isList(&row) && nothing[row.Name] == "" {
			t.Errorf("%s says nothing when it is empty", row.Name)
		}
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.00 kB", 9994: "9.99 kB", 9996: "10.0 kB", 99949: "99.9 kB",
		99951: "100 kB", 999499: "999 kB", 999500: "1.00 MB", 12_345_678: "12.3 MB", 5_000_000_000_000: "5.00 TB"} {
		if got := size(n); got != want {
			t.Errorf("size %d: %q, want %q", n, got, want)
		}
	}
	v, _ := testView(outputTable, false)
	for d, want := range map[time.Duration]string{0: "just now", 59 * time.Second: "59 s ago", time.Minute: "1 min ago", 90 * time.Minute: "1 h ago",
		47 * time.Hour: "47 h ago", 49 * time.Hour: "2 days ago", -time.Minute: "in 1 min"} {
		at := sitesync.At(v.now.Add(-d))
		if got := v.ago(&at); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	for text, want := range map[string]int{"Nadi": 4, "Hôpital": 7, "Ho\u0302pital": 7, "東京": 4, "": 0} {
		if got := columns(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
	if got := clipped("東京東京東京", 7); columns(got) > 7 || !strings.HasSuffix(got, "…") {
		t.Errorf("clipped to %q", got)
	}
}

package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// TestAuditList merges what was done to the registry and to records, in the
// order of time.
func TestAuditList(t *testing.T) {
	h := house(t)
	step := func() { time.Sleep(2 * time.Millisecond) } // entries have milliseconds
	step()
	since := time.Now()
	var want []string
	for i := range 5 {
		step()
		must[RecordResult](h, "record.put", fmt.Sprintf(`{"store":"NAD1","table":"stock","record":"r%d","data":{"quantity":%d}}`, i, i))
		step()
		result[StoreResult](h, h.do(clerk, "store.update", fmt.Sprintf(`{"store":"NAD1","name":"name %d"}`, i)))
		want = append([]string{"store.update", "record.put"}, want...)
	}
	read := func(c Caller, filter string, limit int) (commands []string, all string) {
		t.Helper()
		for after := ""; ; {
			a := h.do(c, "audit.list", fmt.Sprintf(`{"limit":%d,"after":%q%s}`, limit, after, filter))
			p := result[Page[sitesync.Audit]](h, a)
			if len(p.Items) > limit {
				t.Fatalf("%d items on a page of %d", len(p.Items), limit)
			}
			for _, e := range p.Items {
				commands = append(commands, e.Command)
			}
			all += string(a.Result)
			if after = p.Next; after == "" {
				return commands, all
			}
		}
	}
	from := fmt.Sprintf(`,"since":%q`, since.UTC().Format(time.RFC3339Nano))
	for limit := 1; limit <= 12; limit++ {
		if got, _ := read(admin, from, limit); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("in pages of %d: %q, want %q", limit, got, want)
		}
	}
	all, _ := read(admin, "", 3)
	if n := len(all); all[n-1] != "site.create" {
		t.Errorf("the first edit of all is %q of %d", all[n-1], n)
	}
	for filter, want := range map[string]int{
		`,"user":"clerk"`: 5, `,"user":"nobody"`: 0, `,"store":"NAD1"` + from: 10, `,"store":2` + from: 0, `,"store":"NAD1","user":"admin"` + from: 5,
		`,"site":"Nadi"`: 2, `,"since":"2999-01-01"`: 0, `,"store":77`: 0,
	} {
		if got, _ := read(admin, filter, 4); len(got) != want {
			t.Errorf("%s: %q, want %d", filter, got, want)
		}
	}
	if _, text := read(reader, from, 100); !strings.Contains(text, `"quantity":4`) {
		t.Errorf("with the data right: %s", text)
	}
	if _, text := read(viewer, from, 100); strings.Contains(text, "quantity") || !strings.Contains(text, "name 4") {
		t.Errorf("without the data right: %s", text)
	}
	h.fails(h.do(admin, "audit.list", `{"after":"x"}`), sitesync.CodeInvalid, "after", "former page")
	h.fails(h.do(admin, "audit.list", `{"after":"x-y"}`), sitesync.CodeInvalid, "after", "former page")
	h.fails(h.do(admin, "audit.list", `{"since":5}`), sitesync.CodeInvalid, "since", "2030")
	h.fails(h.do(admin, "audit.list", `{"site":"Nowhere"}`), sitesync.CodeNotFound, "site", "")
	h.fails(h.do(admin, "audit.list", `{"store":"NADA"}`), sitesync.CodeNotFound, "store", "")
}

// TestNoSecretIsAudited looks for passwords and tokens in the audit log.
func TestNoSecretIsAudited(t *testing.T) {
	h := house(t)
	must[SiteEdited](h, "site.update", `{"site":"Nadi","revision":2,"password":"another secret"}`)
	user := must[UserResult](h, "user.create", `{"name":"anna","role":"admin"}`)
	must[UserResult](h, "user.update", `{"name":"anna","password":"a third secret"}`)
	token := must[TokenResult](h, "token.create", `{"name":"script","role":"viewer"}`)
	a := h.do(admin, "audit.list", `{"limit":1000}`)
	if got := result[Page[sitesync.Audit]](h, a); len(got.Items) < 8 {
		t.Fatalf("%d entries", len(got.Items))
	}
	for _, secret := range []string{"correct horse", "another secret", "a third secret", user.Password, token.Token, "argon2"} {
		if strings.Contains(string(a.Result), secret) {
			t.Errorf("%q is in the audit log", secret)
		}
	}
}

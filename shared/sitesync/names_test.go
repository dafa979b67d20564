package sitesync

import (
	"fmt"
	"strings"
	"testing"
)

// ruleTest is one identifier and the rule's word on it.
type ruleTest struct {
	text string
	ok   bool
}

func testRule(t *testing.T, check func(string) error, field string, tests []ruleTest) {
	t.Helper()
	for _, c := range tests {
		err := check(c.text)
		if (err == nil) != c.ok {
			t.Errorf("%.80q: %v", c.text, err)
		}
		if err != nil {
			wantTold(t, err, CodeInvalid, field)
		}
	}
}

// wantTold checks that an error tells a person what happened and what to do
// next, in few words however long what came was.
func wantTold(t *testing.T, err error, code Code, field string) {
	t.Helper()
	e := AsError(err)
	switch {
	case e == nil:
		t.Errorf("%v is no Error", err)
	case e.Code != code || e.Field != field:
		t.Errorf("%v has code %s and field %q, want %s and %q", e, e.Code, e.Field, code, field)
	case e.Message == "" || e.Next == "" || len(e.Error()) > 300:
		t.Errorf("the error says %q, next %q", e.Message, e.Next)
	}
}

// controls are characters that no identifier has.
var controls = []string{"\x00", "\x1f", "\n", "\x7f", "\u0085"}

func TestCheckSiteName(t *testing.T) {
	tests := []ruleTest{
		{"Nadi", true}, {"Nadi Hospital", true}, {"Hôpital Général № 3", true}, {"薬局", true}, {strings.Repeat("ü", 100), true},
		{"", false}, {" ", false}, {"\u00a0", false}, {" Nadi", false}, {"Nadi ", false}, {"Nadi\u2003", false}, {strings.Repeat("a", 101), false},
		{"a/b", false}, {"a+b", false}, {"a#b", false}, {"\xff", false}, {strings.Repeat("\xff", 1<<20), false}, {strings.Repeat("a", 1<<20), false},
	}
	for _, c := range controls {
		tests = append(tests, ruleTest{"a" + c + "b", false})
	}
	testRule(t, CheckSiteName, "name", tests)
}

func TestCheckSiteCode(t *testing.T) {
	tests := []ruleTest{
		{"", true}, {"NAD", true}, {"any thing/at+all#", true}, {strings.Repeat("ü", 40), true},
		{strings.Repeat("a", 41), false}, {"\xff", false}, {strings.Repeat("a", 1<<20), false},
	}
	for _, c := range controls {
		tests = append(tests, ruleTest{"a" + c, false})
	}
	testRule(t, CheckSiteCode, "code", tests)
}

func TestCheckStoreCode(t *testing.T) {
	testRule(t, CheckStoreCode, "code", []ruleTest{
		{"N", true}, {"NAD1", true}, {"nad.1_x-Y", true}, {strings.Repeat("a", 40), true}, {"...", true}, {"7", true},
		{"", false}, {strings.Repeat("a", 41), false}, {"a b", false}, {"ü", false}, {"a/b", false}, {"a:b", false}, {"\x00", false}, {strings.Repeat("a", 1<<20), false},
	})
}

func TestCheckStoreName(t *testing.T) {
	testRule(t, CheckStoreName, "name", []ruleTest{
		{"", true}, {"Nadi Hospital / main store", true}, {strings.Repeat("薬", 200), true},
		{strings.Repeat("a", 201), false}, {"a\nb", false}, {"\xff", false}, {strings.Repeat("a", 1<<20), false},
	})
}

func TestCheckTable(t *testing.T) {
	testRule(t, CheckTable, "table", []ruleTest{
		{"a", true}, {"stock_line", true}, {"t9_", true}, {strings.Repeat("a", 63), true},
		{"", false}, {"_inbox", false}, {"_", false}, {"9a", false}, {"Stock", false}, {"a-b", false}, {"a.b", false}, {"ü", false}, {"a\x00b", false},
		{strings.Repeat("a", 64), false}, {strings.Repeat("_", 1<<20), false}, {strings.Repeat("a", 1<<20), false},
	})
}

func TestCheckRecordID(t *testing.T) {
	tests := []ruleTest{
		{"1", true}, {"a/b?c=d&e#f", true}, {" ", true}, {strings.Repeat("ü", 100), true}, {strings.Repeat("a", 200), true}, {"..", true},
		{"", false}, {strings.Repeat("a", 201), false}, {strings.Repeat("ü", 100) + "a", false}, {"\xff", false}, {"a\xc3", false}, {strings.Repeat("a", 1<<20), false},
	}
	for _, c := range controls {
		tests = append(tests, ruleTest{"a" + c, false})
	}
	testRule(t, CheckRecordID, "id", tests)
}

func TestCheckCommandID(t *testing.T) {
	testRule(t, CheckCommandID, "id", []ruleTest{
		{"a", true}, {"A-1_2.3", true}, {strings.Repeat("a", 64), true},
		{"", false}, {strings.Repeat("a", 65), false}, {"a b", false}, {"a/b", false}, {"ü", false}, {strings.Repeat("/", 1<<20), false},
	})
}

func TestCheckTags(t *testing.T) {
	testRule(t, func(tag string) error { return CheckTags([]string{tag}) }, "tags", []ruleTest{
		{"country:fj", true}, {"a.b_c-d:1", true}, {strings.Repeat("k", 40) + ":" + strings.Repeat("v", 40), true},
		{"", false}, {"country", false}, {":", false}, {"a:", false}, {":b", false}, {"a:b:c", false}, {"A:b", false}, {"a:B", false}, {"a b:c", false},
		{strings.Repeat("k", 41) + ":v", false}, {"k:" + strings.Repeat("v", 41), false}, {strings.Repeat("a", 1<<20), false},
	})
	var tags []string
	for i := range 33 {
		tags = append(tags, fmt.Sprintf("k:%d", i))
	}
	if err := CheckTags(tags[:32]); err != nil {
		t.Error(err)
	}
	wantTold(t, CheckTags(tags), CodeInvalid, "tags")
	if err := CheckTags(nil); err != nil {
		t.Error(err)
	}
}

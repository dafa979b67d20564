package link

import (
	"bytes"
	"encoding/base64"
	"os"
	"reflect"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

// joins are the golden values of testdata/join-v1.txt, line by line.
func joins() []Join {
	pin := [32]byte(bytes.Repeat([]byte{0xfb, 0xef, 0x01, 0xff}, 8))
	return []Join{
		{URLs: []string{"mqtts://hub:8883", "wss://hub:8443/mqtt"}, Pin: pin, Site: "Nadi", Hub: "h1"},
		{URLs: []string{"mqtts://[2001:db8::1]:8883"}, Pin: pin, Site: "Centre médical <São Tomé> & Príncipe", Hub: "01JDK3W8Q5"},
		{URLs: []string{"mqtt://127.0.0.1:1883"}, Site: "Demo", Hub: "demo"},
	}
}

// TestJoinGolden: join strings stand in letters and on printed codes; those of
// this version stay readable, and are written the same.
func TestJoinGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/join-v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(joins()) {
		t.Fatalf("%d golden lines for %d values", len(lines), len(joins()))
	}
	for i, want := range joins() {
		if got := want.String(); got != lines[i] {
			t.Errorf("line %d is written as\n%s", i+1, got)
		}
		if got, err := ParseJoin(lines[i]); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("line %d reads as %+v, %v", i+1, got, err)
		}
	}
}

func TestParseJoinAsCopied(t *testing.T) {
	want := joins()[1]
	plain := want.String()
	middle := len(plain) / 2
	for name, text := range map[string]string{
		"blanks around":     " \t" + plain + " \r\n",
		"line break":        plain[:middle] + "\r\n" + plain[middle:],
		"blank after :":     strings.Replace(plain, ":", ": ", 1),
		"mail quoting":      plain[:middle] + "\u00a0\u2028" + plain[middle:],
		"zero width":        "\ufeff" + plain[:5] + "\u200b" + plain[5:middle] + "\u00ad\u2060" + plain[middle:],
		"quotes":            "“" + plain + "”",
		"code marks":        "`" + plain + "`",
		"angle brackets":    "<" + plain + ">",
		"capital":           "S" + plain[1:],
		"shouting":          strings.ToUpper(joinPrefix) + plain[len(joinPrefix):],
		"padding":           plain + "==",
		"unknown members":   joinPrefix + encode(`{"x":[1],"u":["mqtts://[2001:db8::1]"],"p":"`+pinText(want)+`","s":"Centre médical <São Tomé> & Príncipe","h":"01JDK3W8Q5"}`),
		"one letter a line": strings.Join(strings.Split(plain, ""), "\n"),
	} {
		if got, err := ParseJoin(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func encode(body string) string { return base64.RawURLEncoding.EncodeToString([]byte(body)) }

func pinText(j Join) string { return base64.RawURLEncoding.EncodeToString(j.Pin[:]) }

func TestParseJoinRefuses(t *testing.T) {
	plain := joins()[0].String()
	pin := pinText(joins()[0])
	member := func(urls, pin, site, hub string) string {
		return joinPrefix + encode(`{"u":`+urls+`,"p":"`+pin+`","s":"`+site+`","h":"`+hub+`"}`)
	}
	if _, err := ParseJoin(member(`["mqtts://hub"]`, pin, "Nadi", "h")); err != nil {
		t.Fatalf("the model of this test: %v", err)
	}
	for name, test := range map[string]struct {
		text string
		code sitesync.Code
		says string
	}{
		"empty":            {"", sitesync.CodeInvalid, "begins with"},
		"other text":       {"https://hub:8443/join", sitesync.CodeInvalid, "begins with"},
		"prefix alone":     {joinPrefix, sitesync.CodeInvalid, "damaged"},
		"no prefix":        {plain[len(joinPrefix):], sitesync.CodeInvalid, "begins with"},
		"next version":     {"sitesync2:" + plain[len(joinPrefix):], sitesync.CodeInvalid, "this version does not know"},
		"cut off":          {plain[:len(plain)-9], sitesync.CodeInvalid, "damaged"},
		"twice":            {plain + plain, sitesync.CodeInvalid, "damaged"},
		"something after":  {joinPrefix + encode(`{"u":["mqtts://hub"],"p":"`+pin+`","s":"Nadi","h":"h"}{}`), sitesync.CodeInvalid, "follows"},
		"no JSON":          {joinPrefix + encode("Nadi"), sitesync.CodeInvalid, "damaged"},
		"other JSON":       {joinPrefix + encode(`{"u":"mqtts://hub"}`), sitesync.CodeInvalid, "damaged"},
		"null":             {joinPrefix + encode("null"), sitesync.CodeInvalid, "damaged"},
		"too long":         {plain + strings.Repeat(" ", MaxJoin), sitesync.CodeTooLarge, "longer"},
		"no URL":           {member(`[]`, pin, "Nadi", "h"), sitesync.CodeInvalid, "addresses"},
		"too many URLs":    {member(`["`+strings.Repeat(`mqtts://hub","`, MaxJoinURLs)+`mqtts://hub"]`, pin, "Nadi", "h"), sitesync.CodeInvalid, "addresses"},
		"bad URL":          {member(`["mqtts://hub","http://hub"]`, pin, "Nadi", "h"), sitesync.CodeInvalid, "address"},
		"URL with secret":  {member(`["mqtts://a:secret@hub"]`, pin, "Nadi", "h"), sitesync.CodeInvalid, "address"},
		"no pin":           {member(`["mqtt://localhost","wss://hub"]`, "", "Nadi", "h"), sitesync.CodeInvalid, "fingerprint"},
		"short pin":        {member(`["mqtts://hub"]`, pin[:20], "Nadi", "h"), sitesync.CodeInvalid, "fingerprint"},
		"long pin":         {member(`["mqtts://hub"]`, pin+pin, "Nadi", "h"), sitesync.CodeInvalid, "fingerprint"},
		"no site":          {member(`["mqtts://hub"]`, pin, "", "h"), sitesync.CodeInvalid, "site name"},
		"bad site":         {member(`["mqtts://hub"]`, pin, "a/b", "h"), sitesync.CodeInvalid, "site name"},
		"no hub":           {member(`["mqtts://hub"]`, pin, "Nadi", ""), sitesync.CodeInvalid, "hub ID"},
		"hub ID with tabs": {member(`["mqtts://hub"]`, pin, "Nadi", `h\t`), sitesync.CodeInvalid, "hub ID"},
		"long hub ID":      {member(`["mqtts://hub"]`, pin, "Nadi", strings.Repeat("h", maxHubID+1)), sitesync.CodeInvalid, "hub ID"},
	} {
		j, err := ParseJoin(test.text)
		e := sitesync.AsError(err)
		if e == nil {
			t.Errorf("%s: read as %+v, %v", name, j, err)
			continue
		}
		if e.Code != test.code || e.Field != "join" || e.Next == "" || !strings.Contains(e.Message, test.says) {
			t.Errorf("%s: error %#v", name, e)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password", name)
		}
	}
}

func FuzzParseJoin(f *testing.F) {
	for _, j := range joins() {
		f.Add(j.String())
	}
	f.Add(joinPrefix + encode(`{"u":["mqtt://a"],"s":"\u2028<","h":"h"}`))
	f.Add("SiteSync1: \"e30=\"")
	f.Fuzz(func(t *testing.T, s string) {
		j, err := ParseJoin(s)
		if err != nil {
			if sitesync.AsError(err) == nil {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := ParseJoin(j.String())
		if err != nil || !reflect.DeepEqual(again, j) {
			t.Fatalf("%q is %+v, which reads back as %+v, %v", s, j, again, err)
		}
	})
}

package topic

import (
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Topic{
		"sitesync/v1/device/ABC-DEF/hello":              {Kind: Hello, Client: "ABC-DEF"},
		"sitesync/v1/device/ABC-DEF/welcome":            {Kind: Welcome, Client: "ABC-DEF"},
		"sitesync/v1/site/6/push":                       {Kind: Push, Site: 6},
		"sitesync/v1/site/6/receipt":                    {Kind: Receipt, Site: 6},
		"sitesync/v1/site/6/pull":                       {Kind: Pull, Site: 6},
		"sitesync/v1/site/6/changes":                    {Kind: Changes, Site: 6},
		"sitesync/v1/site/6/assignment":                 {Kind: Assignment, Site: 6},
		"sitesync/v1/site/6/resync":                     {Kind: ResyncRequest, Site: 6},
		"sitesync/v1/site/6/resync/0":                   {Kind: Resync, Site: 6},
		"sitesync/v1/site/6/resync/12":                  {Kind: Resync, Site: 6, Store: 12},
		"sitesync/v1/site/6/handover":                   {Kind: Handover, Site: 6},
		"sitesync/v1/site/6/hint":                       {Kind: Hint, Site: 6},
		"sitesync/v1/site/6/command":                    {Kind: Command, Site: 6},
		"sitesync/v1/site/6/command/result":             {Kind: CommandResult, Site: 6},
		"sitesync/v1/site/6/status":                     {Kind: Status, Site: 6},
		"sitesync/v1/admin/site.create":                 {Kind: Admin, Name: "site.create"},
		"sitesync/v1/reply/admin/42":                    {Kind: Reply, Name: "admin", ID: "42"},
		"sitesync/v1/reply/admin/a/b":                   {Kind: Reply, Name: "admin", ID: "a/b"},
		"sitesync/v1/event/site.online":                 {Kind: Event, Name: "site.online"},
		"sitesync/v1/site/06/push":                      {},
		"sitesync/v1/site/+6/push":                      {},
		"sitesync/v1/site//push":                        {},
		"sitesync/v1/site/6/push/":                      {},
		"sitesync/v1/site/6/resync/x":                   {},
		"sitesync/v1/site/6":                            {},
		"sitesync/v1/device//hello":                     {},
		"sitesync/v1/device/a/b/hello":                  {},
		"sitesync/v1/admin/":                            {},
		"sitesync/v1/admin/a/b":                         {},
		"sitesync/v1/reply/admin":                       {},
		"sitesync/v1/reply//1":                          {},
		"sitesync/v2/site/6/push":                       {},
		"sitesync/v1":                                   {},
		"":                                              {},
		"sitesync/v1/site/6/#":                          {},
		"sitesync/v1/site/99999999999999999999999/push": {},
	} {
		if got := Parse(text); got != want {
			t.Errorf("Parse(%q) = %+v, want %+v", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sitesync/v1/site/6/resync/12")
	f.Add("sitesync/v1/device/ABC-DEF/hello")
	f.Add("sitesync/v1/reply/admin/a/b")
	f.Fuzz(func(t *testing.T, text string) {
		parsed := Parse(text)
		if parsed.Kind != Unknown && parsed.String() != text {
			t.Errorf("Parse(%q) = %+v, which is written %q: a topic must have one spelling", text, parsed, parsed.String())
		}
	})
}

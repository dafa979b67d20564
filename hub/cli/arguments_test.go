package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

// parse gives what a command line of a command sends, and the file of the
// user's password where it was given as the first of two.
func parse(t *testing.T, name, stdin string, line ...string) (object, login string, err error) {
	t.Helper()
	row, known := admin.Lookup(name)
	if !known {
		t.Fatalf("no command %s", name)
	}
	in := newArguments(&row)
	cmd := &cobra.Command{Use: name}
	in.define(cmd.Flags())
	if err := cmd.ParseFlags(line); err != nil {
		return "", "", err
	}
	g, err := in.read(cmd, &terminal{in: strings.NewReader(stdin)}, cmd.Flags().Args())
	return string(g.object()), in.loginFile(), err
}

func TestArguments(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	data := filepath.Join(t.TempDir(), "data")
	for file, text := range map[string]string{secret: "correct horse\n", data: " { \"n\":  1 }\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, stdin, line, want string }{
		{"site.get", "", "6", `{"site":6}`},
		{"site.get", "", "--site 6", `{"site":6}`},
		{"site.get", "", "name:6", `{"site":"6"}`},
		{"site.get", "", "code:6", `{"site":"6"}`},
		{"site.get", "", "Nadi", `{"site":"Nadi"}`},
		{"site.list", "", "", `{}`},
		{"site.list", "", "--state online --q é\"x --limit 5", `{"state":"online","q":"é\"x","limit":5}`},
		{"site.create", "correct horse\r\n", "Nadi --password-file - --stores NAD1,3 --stores code:4", `{"name":"Nadi","password":"correct horse","stores":["NAD1",3,"4"]}`},
		{"site.create", "", "Nadi --password-file " + secret + " --max-offline 36h --mirror", `{"name":"Nadi","password":"correct horse","maxOffline":129600,"mirror":true}`},
		{"site.update", "", "Nadi 7 --enabled=false --dry-run --remove-stores NAD1", `{"site":"Nadi","revision":7,"enabled":false,"removeStores":["NAD1"],"dryRun":true}`},
		{"site.update", "", "7 --site Nadi --max-offline 90", `{"site":"Nadi","revision":7,"maxOffline":90}`},
		{"store.create", "", "NAD1 Pharmacy --tags a:b,c:d", `{"code":"NAD1","name":"Pharmacy","tags":["a:b","c:d"]}`},
		{"store.update", "", "NAD1 --tags=", `{"store":"NAD1","tags":[]}`},
		{"store.move", "", "NAD1 --to 6", `{"store":"NAD1","to":6}`},
		{"record.put", "", "3 stock a --data-file " + data, `{"store":3,"table":"stock","record":"a","data":{ "n":  1 }}`},
		{"record.put", `{}`, "3 stock a --data-file - --if-match *", `{"store":3,"table":"stock","record":"a","data":{},"ifMatch":"*"}`},
		{"record.put", "", `3 stock a --data-json {"n":1.0}`, `{"store":3,"table":"stock","record":"a","data":{"n":1.0}}`},
	} {
		got, _, err := parse(t, tt.name, tt.stdin, strings.Fields(tt.line)...)
		if err != nil || got != tt.want {
			t.Errorf("%s %s: %s, %v; want %s", tt.name, tt.line, got, err, tt.want)
		}
	}
	got, login, err := parse(t, "site.create", "", "Nadi", "--password-file", "admins", "--password-file", secret)
	if err != nil || login != "admins" || got != `{"name":"Nadi","password":"correct horse"}` {
		t.Errorf("two password files: %s, login %q, %v", got, login, err)
	}
}

func TestBadArguments(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"site.get", "", "--site is missing"},
		{"site.get", "6 7", `nothing takes "7"`},
		{"site.create", "Nadi", "--password-file is missing"},
		{"site.create", "Nadi --password-file /does/not/exist", "cannot be read"},
		{"site.create", "Nadi --password-file - --mirror=perhaps", "use true or false"},
		{"site.create", "Nadi --password-file -", "no password or token"},
		{"site.create", "Nadi --max-offline 1500ms --password-file -", "use whole seconds"},
		{"site.create", "Nadi --password open-sesame", "unknown flag"},
		{"site.list", "--limit many", "whole number"},
		{"site.list", "--limit -1", "whole number"},
		{"site.get", "99999999999999999999", "too large"},
		{"store.move", "NAD1", "--to is missing"},
		{"record.put", "3 stock a", "--data-json or --data-file is missing"},
		{"record.put", "3 stock a --data-json {", "not JSON"},
		{"record.put", "3 stock a --data-file -", "no JSON in -"},
		{"record.put", "3 stock a --data-file - --data-json {}", "more than once"},
	} {
		_, _, err := parse(t, tt.name, "", strings.Fields(tt.line)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %q", tt.name, tt.line, err, tt.want)
		}
	}
}

// TestExamples: the example of every command is a command line it takes, and
// sends what the example of the table says.
func TestExamples(t *testing.T) {
	for _, row := range admin.Commands() {
		if special[row.Name] != nil {
			continue // its verb is made by hand
		}
		in := newArguments(&row)
		line := strings.TrimPrefix(in.example(), "sitesync-hub "+strings.ReplaceAll(row.Name, ".", " "))
		line = strings.ReplaceAll(line, "FILE", "-")
		got, _, err := parse(t, row.Name, "correct horse", words(line)...)
		if err != nil || got != row.Example {
			t.Errorf("%s: %s sends %s, %v; want %s", row.Name, in.example(), got, err, row.Example)
		}
	}
}

// words splits a line as a shell would that has single quotes alone.
func words(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func TestUsageErrors(t *testing.T) {
	t.Setenv("SITESYNC_HUB_DATA", t.TempDir())
	for _, line := range []string{
		"site", "site nonsense", "site list --nonsense", "site list --output xml", "site get", "site get 1 --id a/b", "site get 1 --user user/admin",
		"call", "call site.get {", "call site.get {} {}", "call a/b", "site list", "site list --timeout soon", "site list --hub ftp://x --password-file /dev/null",
	} {
		var out, errOut bytes.Buffer
		code := Main(strings.Fields(line), strings.NewReader(""), &out, &errOut)
		want := sitesync.ExitCode(sitesync.CodeUsage)
		if line == "site" {
			want = 0
		}
		if code != want || code != 0 && (!strings.HasPrefix(errOut.String(), "error: ") || !strings.Contains(errOut.String(), "next:")) {
			t.Errorf("%q ends with %d: %s", line, code, &errOut)
		}
	}
	t.Setenv("SITESYNC_HUB_TIMEOUT", "soon")
	var out, errOut bytes.Buffer
	if code := Main([]string{"site", "list"}, strings.NewReader(""), &out, &errOut); code != 2 || !strings.Contains(errOut.String(), "SITESYNC_HUB_TIMEOUT") {
		t.Errorf("a bad variable ends with %d: %s", code, &errOut)
	}
}

// A mistyped command is answered with what it is like.
func TestMistypedCommand(t *testing.T) {
	for args, want := range map[string]string{
		"sit": "perhaps you mean sitesync-hub site; ", "site lsit": "perhaps you mean sitesync-hub site list; ",
		"nonsense": "see sitesync-hub --help", "store zzzzzz": "see sitesync-hub store --help",
	} {
		var out, errOut strings.Builder
		if code := Main(strings.Fields(args), strings.NewReader(""), &out, &errOut); code != 2 || !strings.Contains(errOut.String(), "next:  "+want) {
			t.Errorf("%q ended with %d: %s", args, code, errOut.String())
		}
	}
}

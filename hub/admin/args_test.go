package admin

import (
	"bytes"
	"testing"
)

// TestPasswordIsNotHashed: a fast hash with a password in it would be a way to
// guess it.
func TestPasswordIsNotHashed(t *testing.T) {
	for name, with := range map[string]string{
		"site.create": `{"name":"Nadi","password":"%"}`,
		"site.update": `{"site":2,"revision":1,"password":"%"}`,
	} {
		cmd, _ := Lookup(name)
		var public [2][]byte
		for i, password := range []string{"correct horse", "open sesame"} {
			args, err := cmd.decode(bytes.ReplaceAll([]byte(with), []byte("%"), []byte(password)))
			if err != nil {
				t.Fatal(err)
			}
			if cmd.secret(args) != password {
				t.Errorf("%s has the password %q", name, cmd.secret(args))
			}
			if public[i], err = cmd.public(args); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(public[0], public[1]) || bytes.Contains(public[0], []byte("horse")) {
			t.Errorf("%s: %s and %s", name, public[0], public[1])
		}
	}
}

// TestSecretsAreMarked: nobody adds a password to the table as a plain value.
func TestSecretsAreMarked(t *testing.T) {
	for _, cmd := range Commands() {
		for _, f := range cmd.Fields() {
			if (f.Name == "password") != f.Secret {
				t.Errorf("%s: %s secret: %v", cmd.Name, f.Name, f.Secret)
			}
		}
	}
}

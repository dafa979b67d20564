package cli

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sitesync/hub/hubd"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

const connecting = `The hub is found by its data directory (--data) on its own machine, and by its
address (--hub) from elsewhere. Each of the flags for that can also be given in
the environment: --token-file as SITESYNC_HUB_TOKEN_FILE.`

// remote says which hub a command goes to, and as whom.
type remote struct {
	hub, ca      string
	insecure     bool
	data         string
	user         string
	passwordFile string
	userFile     string // the same, under a name that no command takes
	tokenFile    string
	timeout      time.Duration
	output       string
	id           string

	set *pflag.FlagSet
}

// flags defines the flags of a command or group.
func (r *remote) flags(of *pflag.FlagSet, output string) {
	r.set = pflag.NewFlagSet("", pflag.ContinueOnError)
	f := r.set
	f.StringVar(&r.hub, "hub", "", "`URL` of the hub, for example mqtts://hub.example.org:8883")
	f.StringVar(&r.ca, "ca", "", "`FILE` with the hub's certificate authority (default: what this machine trusts)")
	f.BoolVar(&r.insecure, "insecure", false, "allow mqtt:// beyond this machine: passwords can then be read on the way")
	f.StringVar(&r.data, "data", "./sitesync-hub-data", "data `DIRECTORY` of a hub on this machine, for its address and certificate")
	f.StringVar(&r.user, "user", "admin", "`NAME` of the user, or of the token")
	f.StringVar(&r.passwordFile, "password-file", "", "`FILE` with the user's password; - is the standard input (default: it is asked for)")
	f.StringVar(&r.userFile, "user-password-file", "", "the same `FILE`, for commands where --password-file is a new password")
	f.StringVar(&r.tokenFile, "token-file", "", "`FILE` with a token, to be used instead of a password")
	f.DurationVar(&r.timeout, "timeout", 30*time.Second, "longest time to wait for the hub")
	f.StringVar(&r.output, "output", output, "`FORMAT`: table, json or ndjson")
	f.StringVar(&r.id, "id", "", "`ID` of the command: sent again with the same one, it is not carried out twice (default: a random one)")
	of.AddFlagSet(f)
}

// complete takes from the environment what the command line left out. login is
// the file with the user's password where the command has a --password-file of
// its own, "" otherwise.
func (r *remote) complete(login string) (err error) {
	r.set.VisitAll(func(f *pflag.Flag) {
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if text, set := os.LookupEnv(name); set && !f.Changed && err == nil {
			if e := f.Value.Set(text); e != nil {
				err = sitesync.Errorf(sitesync.CodeUsage, "see --"+f.Name+" in the help", "the environment variable %s: %w", name, e)
			}
		}
	})
	r.passwordFile = cmp.Or(r.userFile, login, r.passwordFile)
	if err == nil && r.id != "" && sitesync.CheckCommandID(r.id) != nil {
		err = sitesync.Errorf(sitesync.CodeUsage, "use 1 to 64 of A-Z a-z 0-9 . _ -", "--id %q cannot be an ID", r.id)
	}
	if err == nil && sitesync.CheckCommandID(r.user) != nil {
		err = sitesync.Errorf(sitesync.CodeUsage, "give the bare name, without user/ or token/", "--user %q cannot be a name", r.user)
	}
	return err
}

// config is how the hub is reached, and as whom. Errors: usage, invalid.
func (r *remote) config(t *terminal) (c link.Config, err error) {
	c.ConnectTimeout, c.Insecure = r.timeout, r.insecure
	c.ClientID = "cli-" + rand.Text()[:12]
	if c.URL, c.Trust, err = r.address(); err != nil {
		return c, err
	}
	if r.tokenFile != "" {
		c.Username = "token/" + r.user
		c.Password, err = t.readSecret(r.tokenFile)
		return c, err
	}
	c.Username = "user/" + r.user
	switch {
	case r.passwordFile != "":
		c.Password, err = t.readSecret(r.passwordFile)
	case t.asks:
		c.Password, err = t.ask("Password of " + r.user)
	default:
		err = sitesync.Errorf(sitesync.CodeUsage, "give --password-file or --token-file; where --password-file is a new password, --user-password-file",
			"there is no password for the user %s", r.user)
	}
	return c, err
}

// address finds the hub: by its URL, or by what it wrote into its data
// directory.
func (r *remote) address() (string, link.Trust, error) {
	if r.hub == "" {
		return r.local()
	}
	if r.ca == "" {
		return r.hub, link.TrustSystem(), nil
	}
	trust, err := r.trust(r.ca, link.TrustCA)
	return r.hub, trust, err
}

// local is the hub on this machine. Its certificate authority is its own, so
// that its fingerprint is all there is to compare.
func (r *remote) local() (string, link.Trust, error) {
	text, err := os.ReadFile(filepath.Join(r.data, "addresses.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", link.Trust{}, sitesync.Errorf(sitesync.CodeUsage, "give --hub URL, or --data with the data directory of a hub on this machine", "there is no hub in %s", r.data)
	}
	var a hubd.Addresses
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return "", link.Trust{}, sitesync.Errorf(sitesync.CodeUsage, "give --hub URL instead", "the addresses of the hub in %s cannot be read: %w", r.data, err)
	}
	// TLS first: whoever took the port of a hub that has ended would be handed
	// the password on a plain connection, but has not the hub's key.
	url := "mqtts://" + a.MQTTS
	switch {
	case a.MQTTS != "":
	case a.HTTPS != "":
		url = "wss://" + a.HTTPS
	case a.MQTT != "":
		return "mqtt://" + a.MQTT, link.Trust{}, nil
	default:
		return "", link.Trust{}, sitesync.Errorf(sitesync.CodeUsage, "start it with one of --mqtts, --https or --mqtt", "the hub in %s listens nowhere", r.data)
	}
	ca := cmp.Or(r.ca, a.CA)
	if r.ca == "" && !filepath.IsAbs(ca) {
		ca = filepath.Join(r.data, filepath.Base(ca)) // the hub's working directory may be another
	}
	trust, err := r.trust(ca, func(pem []byte) (link.Trust, error) {
		fingerprint, err := link.Fingerprint(pem)
		return link.TrustPin(fingerprint), err
	})
	return url, trust, err
}

func (r *remote) trust(file string, of func([]byte) (link.Trust, error)) (link.Trust, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return link.Trust{}, sitesync.Errorf(sitesync.CodeUsage, "check the file given with --ca", "the certificate authority cannot be read: %w", err)
	}
	trust, err := of(pem)
	if err != nil {
		return trust, sitesync.Errorf(sitesync.CodeUsage, "give the file ca.pem of the hub's data directory", "there is no certificate authority in %s: %w", file, err)
	}
	return trust, nil
}

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

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sitesync/hub/hubd"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

const connecting = `The hub is the one of sitesync-hub login; or it is found by its data directory
(--data) on its own machine, or by its address (--hub) from elsewhere. Each of the
flags for that can also be given in the environment: --token-file as
SITESYNC_HUB_TOKEN_FILE.`

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
	profileFlag  string

	set     *pflag.FlagSet
	profile *profile // that is used; nil for none
	anew    bool     // what was kept of the hub does not count
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
	f.StringVar(&r.profileFlag, "profile", "", "`NAME` of a hub that login remembers (default: the last one, unless --hub or --data is given)")
	f.StringVar(&r.id, "id", "", "`ID` of the command: sent again with the same one, it is not carried out twice (default: a random one)")
	of.AddFlagSet(f)
}

// completions tell a shell what the flags of a command can be.
func (r *remote) completions(cmd *cobra.Command) {
	for flag, complete := range map[string]cobra.CompletionFunc{
		"output":  cobra.FixedCompletions([]cobra.Completion{outputTable, outputJSON, outputLines}, cobra.ShellCompDirectiveNoFileComp),
		"profile": completeProfile,
	} {
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			panic(err) // the flags are defined
		}
	}
}

func completeProfile(*cobra.Command, []string, string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	if known, err := openProfiles(); err == nil {
		for _, p := range known.Profiles {
			names = append(names, cobra.CompletionWithDesc(p.Name, p.Hub))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// complete takes from the environment what the command line left out. login is
// the file with the user's password where the command has a --password-file of
// its own, "" otherwise.
func (r *remote) complete(login string) error {
	if err := r.environment(); err != nil {
		return err
	}
	r.passwordFile = cmp.Or(r.userFile, login, r.passwordFile)
	if r.id != "" && sitesync.CheckCommandID(r.id) != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "use 1 to 64 of A-Z a-z 0-9 . _ -", "--id %q cannot be an ID", r.id)
	}
	return r.useProfile()
}

// useProfile takes the hub that login remembers, where nothing else was said.
func (r *remote) useProfile() error {
	if r.profileFlag == "" && (r.given("hub") || r.given("data")) {
		return nil
	}
	known, err := openProfiles()
	if err != nil && r.profileFlag == "" {
		return nil // what there is otherwise may do
	}
	if err != nil {
		return err
	}
	if r.profile = known.find(r.profileFlag); r.profile == nil && r.profileFlag != "" {
		return noProfile(r.profileFlag)
	}
	return nil
}

// given reports whether a flag was set, on the command line or in the
// environment.
func (r *remote) given(name string) bool {
	_, set := os.LookupEnv(variable(name))
	return set || r.set.Lookup(name).Changed
}

func variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (r *remote) profileName() string { return cmp.Or(r.profileFlag, defaultProfile) }

// environment takes from it what the command line left out.
func (r *remote) environment() (err error) {
	r.set.VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		if text, set := os.LookupEnv(name); set && !f.Changed && err == nil {
			if e := f.Value.Set(text); e != nil {
				err = sitesync.Errorf(sitesync.CodeUsage, "see --"+f.Name+" in the help", "the environment variable %s: %w", name, e)
			}
		}
	})
	if err == nil && sitesync.CheckCommandID(r.user) != nil {
		err = sitesync.Errorf(sitesync.CodeUsage, "give the bare name, without user/ or token/", "--user %q cannot be a name", r.user)
	}
	return err
}

// config is how the hub is reached, and as whom. Errors: usage, invalid.
func (r *remote) config(t *terminal) (c link.Config, err error) {
	c.ConnectTimeout, c.Insecure = r.timeout, r.insecure
	c.ClientID = "cli-" + rand.Text()[:12]
	if r.profile != nil {
		return r.profileConfig(c, t)
	}
	if c.URL, c.Trust, err = r.address(); err != nil {
		return c, err
	}
	if !r.anew && !r.given("user") && r.passwordFile == "" && r.tokenFile == "" {
		if known, err := openProfiles(); err == nil {
			if r.profile = known.of(c.URL); r.profile != nil { // the same hub, found in another way
				c.Username, c.Password = "token/"+r.profile.User, []byte(r.profile.Token)
				return c, nil
			}
		}
	}
	return r.credentials(c, t)
}

// profileConfig is the remembered hub, with the token that was kept unless
// another name or secret is given.
func (r *remote) profileConfig(c link.Config, t *terminal) (_ link.Config, err error) {
	c.URL, c.Insecure = r.profile.Hub, r.insecure || r.profile.Insecure
	if c.Trust, err = r.profile.trust(); err != nil {
		return c, err
	}
	if r.given("user") || r.passwordFile != "" || r.tokenFile != "" {
		return r.credentials(c, t)
	}
	c.Username, c.Password = "token/"+r.profile.User, []byte(r.profile.Token)
	return c, nil
}

// credentials are those of the flags.
func (r *remote) credentials(c link.Config, t *terminal) (_ link.Config, err error) {
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
		err = sitesync.Errorf(sitesync.CodeUsage, "give --password-file or --token-file (where --password-file is a new password, --user-password-file), or log in once: sitesync-hub login",
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

// authority is the certificate authority to remember of the hub that address
// finds; pin says that its fingerprint counts alone.
func (r *remote) authority() (pem string, pin bool, err error) {
	file := r.ca
	if r.hub == "" {
		file, pin = cmp.Or(r.ca, filepath.Join(r.data, "ca.pem")), true
	}
	if file == "" {
		return "", false, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", false, sitesync.Errorf(sitesync.CodeUsage, "check the file given with --ca", "the certificate authority cannot be read: %w", err)
	}
	return string(text), pin, nil
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

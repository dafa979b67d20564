package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sitesync/hub/admin"
	"sitesync/hub/registry"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

func newLogin() *cobra.Command {
	to := new(remote)
	days := 90
	cmd := &cobra.Command{
		Use:   "login [URL]",
		Short: "Remember a hub, so that commands need no address and no password",
		Long: `Connects to a hub and keeps its address, its certificate authority and a token in
this user's settings folder, readable for this user alone. The token is made for
this machine with the rights of the user, and ends after some time; a password is
never kept. Those who may not make tokens give one with --token-file.

Commands then use that hub, unless they are given --hub, --data or --profile.`,
		Example: `  sitesync-hub login mqtts://hub.example.org:8883 --ca ca.pem
  sitesync-hub login --data /var/lib/sitesync-hub --profile here`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(cmd, "login takes one URL")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				to.hub = args[0]
			}
			if days < 1 {
				return usageError(cmd, "--days is %d, and has to be at least 1", days)
			}
			return login(cmd, to, time.Duration(days)*24*time.Hour)
		},
	}
	to.flags(cmd.Flags(), outputTable)
	cmd.Flags().IntVar(&days, "days", days, "after how many `DAYS` the token ends")
	for _, name := range []string{"output", "id", "user-password-file"} {
		cmd.Flags().MarkHidden(name)
	}
	return cmd
}

func login(cmd *cobra.Command, to *remote, lasts time.Duration) error {
	if err := to.environment(); err != nil {
		return err
	}
	known, err := openProfiles()
	if err != nil {
		return err
	}
	to.anew = true
	config, err := to.config(newTerminal(cmd))
	if err != nil {
		return err
	}
	c, err := to.connect(cmd.Context(), config)
	if err != nil {
		return err
	}
	defer c.Close()
	one := profile{Name: to.profileName(), Hub: config.URL, Insecure: to.insecure}
	if one.CA, one.Pin, err = to.authority(); err != nil {
		return err
	}
	kind, name, _ := strings.Cut(config.Username, "/")
	one.User, one.Token = name, string(config.Password)
	var until *sitesync.Time
	if kind == string(registry.KindUser) {
		made, err := c.makeToken(cmd.Context(), name, lasts)
		if err != nil {
			return err
		}
		one.User, one.Token, one.Made, until = made.User.Name, made.Token, true, made.User.Expires
	}
	known.set(one)
	if err := known.save(); err != nil {
		return err
	}
	v, err := newView(cmd, outputTable)
	if err != nil {
		return err
	}
	lines := []pair{{"Hub", text(one.Hub)}, {"Token", text(one.User)}}
	if until != nil {
		lines = append(lines, pair{"Ends", text(v.moment(until.Time))})
	}
	if err := v.pairs(append(lines, pair{"Profile", text(one.Name)}, pair{"Kept in", text(known.file)})); err != nil {
		return err
	}
	v.hint("Commands now go to this hub without a password, for example: sitesync-hub site list")
	return nil
}

// makeToken makes a token with the rights of the user who logs in.
func (c *client) makeToken(ctx context.Context, user string, lasts time.Duration) (made admin.TokenResult, err error) {
	own, err := c.rightsOf(ctx, user)
	if err != nil {
		return made, err
	}
	args, err := json.Marshal(map[string]any{"name": tokenName(user), "role": own.Role, "data": own.Data,
		"expires": sitesync.At(time.Now().Add(lasts))})
	if err != nil {
		return made, err
	}
	result, err := c.do(ctx, "token.create", args, true)
	if sitesync.CodeOf(err) == sitesync.CodeForbidden {
		return made, sitesync.Errorf(sitesync.CodeForbidden, "ask an administrator for a token (sitesync-hub token create NAME --role viewer), put it into a file, and log in with --user NAME --token-file FILE",
			"the user %s may not make tokens", user)
	}
	if err != nil {
		return made, err
	}
	if err := json.Unmarshal(result, &made); err != nil {
		return made, unreadable(err)
	}
	return made, nil
}

// rightsOf looks a user up in the pages of all.
func (c *client) rightsOf(ctx context.Context, name string) (registry.User, error) {
	after := ""
	for {
		args, err := json.Marshal(map[string]any{"limit": mostPage, "after": after})
		if err != nil {
			return registry.User{}, err
		}
		result, err := c.do(ctx, "user.list", args, false)
		if err != nil {
			return registry.User{}, err
		}
		var page admin.Page[registry.User]
		if err := json.Unmarshal(result, &page); err != nil {
			return registry.User{}, unreadable(err)
		}
		for _, u := range page.Items {
			if u.Name == name {
				return u, nil
			}
		}
		if after = page.Next; after == "" {
			return registry.User{}, sitesync.Errorf(sitesync.CodeNotFound, "log in again", "the user %s is gone", name)
		}
	}
}

// tokenName says whose token it is and where it is kept.
func tokenName(user string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "machine"
	}
	host = regexp.MustCompile(`[^A-Za-z0-9._-]+`).ReplaceAllString(host, "-")
	return fmt.Sprintf("%s.%s.%s", user[:min(len(user), 30)], host[:min(len(host), 20)], strings.ToLower(rand.Text()[:6]))
}

func newLogout() *cobra.Command {
	name := ""
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Forget a hub that login remembers, and revoke its token",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			known, err := openProfiles()
			if err != nil {
				return err
			}
			one := known.find(name)
			if one == nil {
				return noProfile(name)
			}
			gone, revoked := *one, revoke(cmd.Context(), one)
			known.remove(gone.Name)
			if err := known.save(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is forgotten.\n", gone.Hub)
			if gone.Made && !revoked {
				fmt.Fprintf(cmd.ErrOrStderr(), "Its token could not be revoked; do it where the hub can be reached: sitesync-hub token revoke %s\n", gone.User)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "profile", "", "`NAME` of the profile (default: the one in use)")
	return cmd
}

// revoke has a token that login made do its last work. Only an administrator's
// can.
func revoke(ctx context.Context, p *profile) bool {
	if !p.Made {
		return true
	}
	r := &remote{profile: p, timeout: 10 * time.Second}
	trust, err := p.trust()
	if err != nil {
		return false
	}
	c, err := r.connect(ctx, link.Config{URL: p.Hub, Trust: trust, Insecure: p.Insecure, ConnectTimeout: r.timeout, Username: "token/" + p.User, Password: []byte(p.Token)})
	if err != nil {
		return sitesync.CodeOf(err) == sitesync.CodeRefused // it is gone already
	}
	defer c.Close()
	args, err := json.Marshal(map[string]string{"name": p.User})
	if err != nil {
		return false
	}
	_, err = c.do(ctx, "token.revoke", args, true)
	return err == nil || sitesync.CodeOf(err) == sitesync.CodeUnreachable // the hub closes what used it, perhaps before it has answered
}

func noProfile(name string) error {
	if name == "" {
		return sitesync.Errorf(sitesync.CodeUsage, "log in first: sitesync-hub login URL", "nobody is logged in")
	}
	return sitesync.Errorf(sitesync.CodeUsage, "log in first: sitesync-hub login URL --profile "+name, "there is no profile %q", name)
}

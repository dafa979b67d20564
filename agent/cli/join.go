package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sitesync/agent/agentd"
	"sitesync/agent/client"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/terminal"
)

func (p *program) join() *cobra.Command {
	var hub, ca, site, passwordFile string
	cmd := &cobra.Command{
		Use:   "join [STRING]",
		Short: "Join a site, with the join string from the hub's operator",
		Long: `Joins a site and tries to connect once. The site's password is asked for at a
terminal, and read from --password-file elsewhere; it never stands on the command
line, where others can read it.

Exit codes: 0 the hub welcomed this device; 3 it refused, and nothing was saved;
4 it was not reached: the details are saved, and run goes on trying.`,
		Example: `  sitesync-agent join 'sitesync1:…'
  sitesync-agent join 'sitesync1:…' --password-file password.txt
  sitesync-agent join --hub mqtts://hub.example.org:8883 --ca ca.pem --site Nadi --password-file -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd, "join takes one join string, in quotes; the password is asked for, and never stands on the command line, where others can read it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && hub == "" && ca == "" && site == "" && terminal.Asks(p.in) {
				text, err := terminal.Line(cmd.Context(), p.in, p.err, "Join string, from the hub's operator: ")
				if err != nil {
					return err
				}
				args = []string{text}
			}
			r := agentd.JoinRequest{Hub: hub, Name: site}
			switch {
			case len(args) == 1 && hub == "" && ca == "" && site == "":
				j, err := link.ParseJoin(args[0])
				if err != nil {
					return asUsage(err)
				}
				r.Join = &j
			case len(args) == 1:
				return usage(cmd, "a join string and --hub, --ca or --site exclude each other")
			case hub == "" || site == "":
				return usage(cmd, "give a join string, or --hub and --site")
			}
			if hub != "" {
				if _, err := link.ParseURL(hub, p.config.Insecure); err != nil {
					return asUsage(err)
				}
			}
			if ca != "" {
				pem, err := os.ReadFile(ca)
				if err != nil {
					return usage(cmd, "the file given with --ca cannot be read: %v", err)
				}
				r.CA = string(pem)
			}
			password, err := p.password(cmd, passwordFile)
			if err != nil {
				return err
			}
			r.Password = password
			return p.joinSite(cmd, r)
		},
	}
	cmd.Flags().StringVar(&hub, "hub", "", "URL of the hub: mqtts://host:port, wss://host:port or, on this machine, mqtt://host:port")
	cmd.Flags().StringVar(&ca, "ca", "", "PEM file of the authority that the hub's certificate comes from (default: the system's)")
	cmd.Flags().StringVar(&site, "site", "", "name of the site")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file with the site's password; - reads it from standard input (default: it is asked for)")
	return cmd
}

// joinSite joins in this process. A running agent has the directory to itself.
func (p *program) joinSite(cmd *cobra.Command, r agentd.JoinRequest) error {
	if c, err := client.Open(p.config.Data); err == nil {
		if _, err := c.Status(cmd.Context()); err == nil {
			return sitesync.Errorf(sitesync.CodeDataLocked, "use its page (sitesync-agent open), or stop it, join, and start it again", "an agent is running on %s", p.config.Data)
		}
	}
	a, err := p.open()
	if err != nil {
		return err
	}
	defer a.Close()
	r.Keep = true
	if _, err := a.Join(cmd.Context(), r); err != nil {
		if e := sitesync.AsError(err); e != nil {
			return sitesync.Errorf(e.Code, clause(e.Next), "%s", clause(e.Message))
		}
		return err
	}
	site := a.Engine().Site()
	fmt.Fprintf(p.out, "Joined: this device is now the site %q (ID %d).\nNext: start the agent with sitesync-agent run --data %s\n", site.Name, site.ID, p.config.Data)
	return nil
}

// password reads a password from a file, or from standard input for "-".
func (p *program) password(cmd *cobra.Command, file string) (string, error) {
	var b []byte
	var err error
	switch file {
	case "":
		if terminal.Asks(p.in) {
			b, err = terminal.Secret(cmd.Context(), p.in, p.err, "Password of the site")
			if err == nil && len(b) == 0 {
				return "", usage(cmd, "no password was entered")
			}
			return string(b), err
		}
		return "", usage(cmd, "give the site's password with --password-file; - reads it from standard input")
	case "-":
		b, err = io.ReadAll(io.LimitReader(p.in, 4096))
	default:
		b, err = os.ReadFile(file)
	}
	if err != nil {
		return "", usage(cmd, "the password cannot be read: %v", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", usage(cmd, "the password file is empty")
	}
	return password, nil
}

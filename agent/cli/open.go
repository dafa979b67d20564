package cli

import (
	"errors"
	"fmt"
	"html"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"sitesync/agent/client"
	"sitesync/shared/kv"
)

func (p *program) openPage() *cobra.Command {
	var stay bool
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Open the agent's page, and sign in there",
		Long: `Shows where the agent's page is, with a code that signs in there, and opens it
where there is a browser. The code is good once, for 5 minutes.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.Open(p.config.Data)
			if err != nil {
				return err
			}
			made, err := c.Code(cmd.Context())
			if err != nil {
				return err
			}
			page := pageURL(c.URL())
			if p.json {
				return p.printJSON(map[string]any{"url": page, "code": made.Code, "expires": made.Expires})
			}
			opened := !stay && p.startBrowser(page, made.Code) == nil
			if opened {
				fmt.Fprintln(p.out, "The page opens in your browser. If it does not, or asks for a code:")
				fmt.Fprintln(p.out)
			}
			fmt.Fprintf(p.out, "  Page  %s\n  Code  %s   (good once, until %s)\n", page, made.Code, made.Expires.Local().Format("15:04"))
			return nil
		},
	}
	cmd.Flags().BoolVar(&stay, "no-browser", false, "only show the address and the code")
	p.jsonFlag(cmd)
	return cmd
}

// pageURL is where a browser on this machine finds the page. An agent that
// listens on all addresses is found on this one.
func pageURL(api *url.URL) string {
	u := *api
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsUnspecified() {
		u.Host = "localhost"
		if port := api.Port(); port != "" {
			u.Host += ":" + port
		}
	}
	return u.JoinPath("/").String()
}

// startBrowser opens the page, already with the code. What stands on a command
// line every user of the machine can read, so the browser is given a file that
// leads there, which nobody else can.
func (p *program) startBrowser(page, code string) error {
	file, err := filepath.Abs(filepath.Join(p.config.Data, "open.html"))
	if err != nil {
		return err
	}
	argv := browserCommand(runtime.GOOS, os.Getenv, file)
	if argv == nil {
		return errors.New("there is no browser here")
	}
	if err := kv.WriteFileDurable(file, []byte(leadTo(page, code)), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release() // it may be the browser itself, which stays
}

// browserCommand is how a file is shown in a person's browser; nil where nobody
// looks at a screen.
func browserCommand(system string, env func(string) string, file string) []string {
	switch system {
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", file}
	case "darwin":
		return []string{"open", file}
	case "android":
		return nil
	}
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return nil
	}
	return []string{"xdg-open", file}
}

// leadTo makes a page that leads on to the agent's, with the code behind the #:
// that part of an address is not sent to anybody, and the agent's page takes it
// out of the history at once.
func leadTo(page, code string) string {
	to := html.EscapeString(page + "#" + code)
	return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=` + to + `">
<title>sitesync</title>
<p><a href="` + to + `">The agent's page</a></p>
</html>
`
}

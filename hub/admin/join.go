package admin

import (
	"encoding/hex"
	"fmt"
	"strings"

	"rsc.io/qr"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

func (c *call) joinSite(in siteOnly) (out JoinResult, err error) {
	site, err := c.findSite(in.Site, "site")
	if err != nil {
		return out, err
	}
	if site.ActiveHere {
		return out, sitesync.Errorf(sitesync.CodeActiveHere, "choose the site of the device", "the site %s is this hub itself", site.Name).WithField("site")
	}
	hub := c.Registry.Identity().Hub
	join := link.Join{URLs: suitable(c.URLs(), site.Transport), Pin: c.Pin, Site: site.Name, Hub: hex.EncodeToString(hub[:])}
	if len(join.URLs) == 0 {
		return out, sitesync.Errorf(sitesync.CodeInvalid, "turn that address on at the hub, or set the site's transport to auto",
			"the hub has no address for the transport %s of the site", site.Transport).WithField("site")
	}
	out.Join = join.String()
	out.QR, err = svg(out.Join)
	return out, err
}

// suitable picks the addresses that a transport may use. Auto takes the
// encrypted ones; the unencrypted one stands for itself alone, since no agent
// falls back to it.
func suitable(addresses []string, transport sitesync.Transport) []string {
	var encrypted, picked []string
	for _, address := range addresses {
		u, err := link.ParseURL(address, true)
		if err != nil {
			continue
		}
		if u.Transport() != sitesync.TransportTCP {
			encrypted = append(encrypted, address)
		}
		if u.Transport() == transport || transport == sitesync.TransportAuto {
			picked = append(picked, address)
		}
	}
	if transport == sitesync.TransportAuto && len(encrypted) > 0 {
		picked = encrypted
	}
	return picked[:min(len(picked), link.MaxJoinURLs)]
}

// quiet is the blank border that readers of QR codes need, in modules.
const quiet = 4

// svg draws a text as a QR code: one path, black on white, whatever the page
// around it looks like.
func svg(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("admin: QR code of a join string: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d" shape-rendering="crispEdges">`+
		`<rect width="%[1]d" height="%[1]d" fill="#fff"/><path d="%[2]s"/></svg>`, code.Size+2*quiet, path.String()), nil
}

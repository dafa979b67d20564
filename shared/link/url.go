package link

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"sitesync/shared/sitesync"
)

// MaxURL is the most bytes a hub URL may have.
const MaxURL = 1024

// defaultPath is where a hub serves MQTT over WebSocket.
const defaultPath = "/mqtt"

// The schemes of hub URLs and their default ports. There is no ws: MQTT over
// an unencrypted WebSocket is not offered.
var schemes = map[string]struct {
	port      uint16
	transport sitesync.Transport
}{
	"mqtt":  {1883, sitesync.TransportTCP},
	"mqtts": {8883, sitesync.TransportTLS},
	"wss":   {8443, sitesync.TransportWSS},
}

// URL is the address of a hub, complete: ports and path are filled in.
type URL struct {
	Scheme string // mqtt, mqtts or wss
	Host   string // lower case; an IPv6 address has no brackets
	Port   uint16 // 1 and up
	Path   string // of wss alone, not escaped, begins with /
}

// ParseURL reads mqtt://host:port, mqtts://host:port or wss://host:port/path.
// Left-out ports are 1883, 8883 and 8443, a left-out path is /mqtt. mqtt:// is
// neither encrypted nor authenticated: beyond loopback it is refused unless
// insecure is set. Errors have code invalid and field hub, and never repeat a
// password that somebody wrote into the URL.
func ParseURL(s string, insecure bool) (*URL, error) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > MaxURL {
		return nil, badURL("give the hub's address, for example mqtts://hub.example.org:8883", "the hub URL is empty or longer than %d characters", MaxURL)
	}
	scheme, _, found := strings.Cut(s, "://")
	if !found {
		return nil, badURL("write mqtts:// or wss:// before the host name, for example mqtts://hub.example.org:8883", "the hub URL does not say how to connect")
	}
	kind, known := schemes[strings.ToLower(scheme)]
	if !known {
		return nil, unknownScheme(strings.ToLower(scheme))
	}
	// url.Parse's own error repeats the URL, which may hold a password.
	parsed, err := url.Parse(s)
	if err != nil {
		return nil, badURL("check it for blanks and misplaced characters; it looks like mqtts://hub.example.org:8883", "the hub URL cannot be read")
	}
	u := &URL{Scheme: strings.ToLower(scheme), Host: strings.ToLower(parsed.Hostname()), Port: kind.port}
	if err := u.fill(parsed); err != nil {
		return nil, err
	}
	if u.Scheme == "mqtt" && !insecure && !u.Loopback() {
		return nil, badURL("use mqtts:// or wss://; --insecure permits it on a network that is itself protected",
			"mqtt:// to %s would send data and passwords unencrypted", u.Host)
	}
	return u, nil
}

// fill checks and takes over everything of parsed but its scheme.
func (u *URL) fill(parsed *url.URL) error {
	switch {
	case parsed.User != nil:
		return badURL("leave out what stands before the @; name and password are given on their own", "a hub URL holds no name or password")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return badURL("leave out everything from ? or # on", "a hub URL has no query and no fragment")
	case !validHost(u.Host):
		return badURL("check the host name or IP address", "the hub URL has no valid host")
	}
	if port := parsed.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return badURL("use a port from 1 to 65535", "the hub URL has no valid port")
		}
		u.Port = uint16(n)
	}
	bare := parsed.Path == "" || parsed.Path == "/"
	switch {
	case u.Scheme == "wss" && bare:
		u.Path = defaultPath
	case u.Scheme == "wss":
		u.Path = parsed.Path
	case !bare:
		return badURL("leave out what follows the port", "only a wss:// URL has a path")
	}
	return nil
}

// String is the complete URL; ParseURL reads it back to the same value.
func (u *URL) String() string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Address(), Path: u.Path}).String()
}

// Address is host:port, as net.Dial takes it.
func (u *URL) Address() string {
	return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
}

// Transport says which of a site's transports the URL uses.
func (u *URL) Transport() sitesync.Transport { return schemes[u.Scheme].transport }

// Loopback reports whether the host is this machine itself.
func (u *URL) Loopback() bool {
	ip, err := netip.ParseAddr(u.Host)
	return u.Host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// validHost takes IP addresses without a zone and names of letters (of any
// alphabet), digits, dots, dashes and underscores.
func validHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	if host == "" || len(host) > 253 {
		return false
	}
	for i := range len(host) {
		c := host[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80
		if !letter && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func unknownScheme(scheme string) error {
	switch scheme {
	case "ws":
		return badURL("use wss://", "ws:// would send data and passwords unencrypted")
	case "http", "https":
		return badURL("use mqtts://HOST:8883, or wss://HOST:8443 where only web traffic passes", "that is the address of a web page, not of the hub's MQTT broker")
	default:
		return badURL("use mqtts:// or wss://", "the hub URL begins with none of mqtt://, mqtts:// and wss://")
	}
}

func badURL(next, format string, args ...any) error {
	return sitesync.Errorf(sitesync.CodeInvalid, next, format, args...).WithField("hub")
}

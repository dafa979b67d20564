package link

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"unicode"

	"sitesync/shared/sitesync"
)

// Limits of join strings.
const (
	MaxJoin     = 8 << 10 // bytes, blanks included
	MaxJoinURLs = 8
	maxHubID    = 128 // bytes
)

const (
	joinWord   = "sitesync"
	joinPrefix = joinWord + "1:"
)

// Join is what a device must know to find and trust its hub. It holds no
// secret: the site's password is given on its own.
//
// As text it is "sitesync1:" and unpadded base64url of compact JSON:
//
//	{"u":["mqtts://hub:8883","wss://hub:8443/mqtt"],"p":"…","s":"Nadi","h":"…"}
//
// where p is the base64url SHA-256 of the DER of the hub's CA certificate. A
// reader ignores members it does not know; a change that it must not ignore
// takes a new number in the prefix.
type Join struct {
	URLs []string // of the hub, the best first; 1 to 8, as URL.String writes them
	Pin  [32]byte // for TrustPin; zero only where no URL uses TLS
	Site string   // site name
	Hub  string   // hub ID
}

type joinJSON struct {
	URLs []string `json:"u"`
	Pin  string   `json:"p,omitempty"`
	Site string   `json:"s"`
	Hub  string   `json:"h"`
}

// String writes the join string. ParseJoin reads it back.
func (j Join) String() string {
	body := joinJSON{URLs: j.URLs, Site: j.Site, Hub: j.Hub}
	if j.Pin != [32]byte{} {
		body.Pin = base64.RawURLEncoding.EncodeToString(j.Pin[:])
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic("link: strings did not encode as JSON: " + err.Error())
	}
	return joinPrefix + base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(text.Bytes()))
}

// ParseJoin reads a join string as people hand it on: with blanks, line breaks
// and invisible characters around or within it, quotes around it, and its
// prefix in any case. mqtt:// URLs are let through; Dial decides on them.
// Errors have code invalid (too_large above MaxJoin) and field join.
func ParseJoin(s string) (Join, error) {
	if len(s) > MaxJoin {
		return Join{}, sitesync.Errorf(sitesync.CodeTooLarge, "copy the join string alone, from the hub's page of the site",
			"the join string is longer than %d bytes", MaxJoin).WithField("join")
	}
	text, err := joinBody(s)
	if err != nil {
		return Join{}, err
	}
	var body joinJSON
	decoder := json.NewDecoder(base64.NewDecoder(base64.RawURLEncoding.Strict(), strings.NewReader(text)))
	if err := decoder.Decode(&body); err != nil {
		return Join{}, damagedJoin("its content cannot be read")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Join{}, damagedJoin("something follows its content")
	}
	return body.join()
}

// joinBody undoes what copying does to a join string, and takes off the prefix.
func joinBody(s string) (string, error) {
	s = strings.Map(func(r rune) rune {
		// Cf holds the zero-width characters that chat programs put in.
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	s = strings.Trim(s, "\"'`<>“”‘’«»")
	if len(s) >= len(joinPrefix) && strings.EqualFold(s[:len(joinPrefix)], joinPrefix) {
		return strings.TrimRight(s[len(joinPrefix):], "="), nil
	}
	version, _, colon := strings.Cut(s, ":")
	if colon && len(version) > len(joinWord) && strings.EqualFold(version[:len(joinWord)], joinWord) {
		return "", badJoin("update sitesync on this device, then join again", "the join string is of a form that this version does not know")
	}
	return "", badJoin("copy the whole of it from the hub's page of the site", "a join string begins with %q", joinPrefix)
}

// join checks every member.
func (b joinJSON) join() (Join, error) {
	if len(b.URLs) == 0 || len(b.URLs) > MaxJoinURLs {
		return Join{}, damagedJoin("it does not name 1 to %d addresses of the hub", MaxJoinURLs)
	}
	j := Join{Site: b.Site, Hub: b.Hub}
	needPin := false
	for _, s := range b.URLs {
		u, err := ParseURL(s, true)
		if err != nil {
			return Join{}, damagedJoin("an address of the hub in it is not valid")
		}
		needPin = needPin || u.Scheme != "mqtt"
		j.URLs = append(j.URLs, u.String())
	}
	pin, err := base64.RawURLEncoding.Strict().DecodeString(b.Pin)
	if err != nil || len(pin) != 0 && len(pin) != len(j.Pin) || len(pin) == 0 && needPin {
		return Join{}, damagedJoin("the fingerprint of the hub's certificate authority in it is not valid")
	}
	copy(j.Pin[:], pin)
	if err := sitesync.CheckSiteName(b.Site); err != nil {
		return Join{}, damagedJoin("the site name in it is not valid")
	}
	if b.Hub == "" || len(b.Hub) > maxHubID || strings.ContainsFunc(b.Hub, unicode.IsControl) {
		return Join{}, damagedJoin("the hub ID in it is not valid")
	}
	return j, nil
}

func damagedJoin(format string, args ...any) error {
	return badJoin("copy it again, as a whole, from the hub's page of the site", "the join string is damaged: "+format, args...)
}

func badJoin(next, format string, args ...any) error {
	return sitesync.Errorf(sitesync.CodeInvalid, next, format, args...).WithField("join")
}

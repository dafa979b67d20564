package registry

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"sitesync/shared/sitesync"
)

// Argon2 is what hashing a password costs.
type Argon2 struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultArgon2 is OWASP's choice for argon2id: 19 MiB, two passes.
var DefaultArgon2 = Argon2{Memory: 19 << 10, Time: 2, Threads: 1}

const (
	minPassword = 8    // characters
	maxPassword = 200  // characters
	maxSecret   = 1024 // bytes of what is presented at a login

	hashesAtOnce = 2   // so that guessing takes at most 2 x Memory
	hashesWait   = 256 // logins that may wait for their turn

	saltSize = 16
	hashSize = 32
)

// CheckPassword checks the rule of passwords, of sites and of people: 8 to 200
// characters, no control characters, not the form of a device credential. Its
// error has CodeInvalid and the field "password".
func CheckPassword(password string) error {
	n := utf8.RuneCountInString(password)
	invalid := func(next, what string) error {
		return sitesync.Errorf(sitesync.CodeInvalid, next, "%s", what).WithField("password")
	}
	switch {
	case password == "":
		return invalid("choose a password of at least 8 characters", "the password is missing")
	case !utf8.ValidString(password):
		return invalid("use UTF-8 text", "the password is not valid text")
	case n < minPassword:
		return invalid("choose a password of at least 8 characters; a few words are easy to type", "the password is too short")
	case n > maxPassword:
		return invalid("choose a password of at most 200 characters", "the password is too long")
	case strings.ContainsFunc(password, unicode.IsControl):
		return invalid("leave out line breaks and other control characters", "the password has a control character")
	case strings.HasPrefix(password, credentialPrefix):
		return invalid("choose a password that does not begin with "+credentialPrefix, "the password looks like a device credential")
	}
	return nil
}

// hasher computes argon2id hashes, few at a time.
type hasher struct {
	cost    Argon2
	slots   chan struct{}
	waiting atomic.Int64
	dummy   string // what an unknown name's password is compared with
}

func newHasher(cost Argon2) *hasher {
	h := &hasher{cost: cost, slots: make(chan struct{}, hashesAtOnce)}
	h.dummy = h.hash(rand.Text())
	return h
}

// enter waits for a slot.
func (h *hasher) enter() {
	h.waiting.Add(1)
	h.slots <- struct{}{}
	h.waiting.Add(-1)
}

// tryEnter is enter for strangers: false when too many wait already.
func (h *hasher) tryEnter() bool {
	if h.waiting.Load() >= hashesWait {
		return false
	}
	h.enter()
	return true
}

func (h *hasher) leave() { <-h.slots }

// hash makes a PHC string with a random salt. Who calls it or matches has
// entered.
func (h *hasher) hash(password string) string {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	sum := h.cost.key(password, salt, hashSize)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.cost.Memory, h.cost.Time, h.cost.Threads, b64(salt), b64(sum))
}

func (c Argon2) key(password string, salt []byte, size uint32) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, c.Time, c.Memory, c.Threads, size)
}

// matches compares in constant time. A phc of "" matches nothing and takes as
// long.
func (h *hasher) matches(phc, password string) (bool, error) {
	if phc == "" || len(password) > maxSecret || !utf8.ValidString(password) {
		_, err := h.compare(h.dummy, "")
		return false, err
	}
	return h.compare(phc, password)
}

func (h *hasher) compare(phc, password string) (bool, error) {
	cost, salt, sum, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	got := cost.key(password, salt, uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1, nil
}

var errPHC = errors.New("registry: a stored password hash cannot be read")

// parsePHC reads a PHC string of argon2id, with whatever cost it was made.
func parsePHC(phc string) (cost Argon2, salt, sum []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost, nil, nil, errPHC
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.Memory, &cost.Time, &cost.Threads); err != nil {
		return cost, nil, nil, errPHC
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 64 {
		return cost, nil, nil, errPHC
	}
	if cost.Memory > 1<<20 || cost.Time == 0 || cost.Time > 64 || cost.Threads == 0 {
		return cost, nil, nil, errPHC
	}
	return cost, salt, sum, nil
}

// chosen is a password that an edit sets or a repeated command names. It is
// hashed and compared once, however often the edit runs. It is for one
// goroutine.
type chosen struct {
	h    *hasher
	text string
	phc  string          // "" = not hashed yet
	same map[string]bool // by PHC string
}

// choose makes a chosen of a password that was checked; nil of "".
func (r *Registry) choose(password string) *chosen {
	if password == "" {
		return nil
	}
	return &chosen{h: r.hasher, text: password, same: make(map[string]bool)}
}

func (c *chosen) hash() string {
	if c.phc == "" {
		c.h.enter()
		defer c.h.leave()
		c.phc = c.h.hash(c.text)
		c.same[c.phc] = true
	}
	return c.phc
}

func (c *chosen) is(phc string) (bool, error) {
	same, known := c.same[phc]
	if known {
		return same, nil
	}
	c.h.enter()
	defer c.h.leave()
	same, err := c.h.matches(phc, c.text)
	if err == nil {
		c.same[phc] = same
	}
	return same, err
}

// generatePassword makes one of 120 random bits, without characters that look
// alike.
func generatePassword() string {
	const alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
	password := make([]byte, 24)
	rand.Read(password)
	for i, b := range password {
		password[i] = alphabet[b%32]
	}
	return string(password)
}

package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sitesync/shared/sitesync"
)

// Codes are how a person gets from the command line to the page without a token
// in a URL, a history or a clipboard: sitesync-agent open, which can read the
// token, has a code made and shows it, and the page exchanges it for a session.
// A code is for one exchange, within minutes, and only the newest one counts.
const (
	codeLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's: what looks alike is the same
	codeLength  = 8                                  // 40 bits
	codeLife    = 5 * time.Minute
	maxCodeText = 40 // bytes that somebody sends
)

// Guesses at codes and tokens are few: in the life of a code some 150, of 10^12.
const (
	guessEvery = 2 * time.Second
	guessBurst = 8
)

type codes struct {
	mu      sync.Mutex
	guesses *rate.Limiter // failed exchanges, of codes and tokens alike

	hash   hash // of the code that counts
	until  time.Time
	parent hash // the token for which it was made; zero while no code counts
}

func newCodes() *codes { return &codes{guesses: rate.NewLimiter(rate.Every(guessEvery), guessBurst)} }

// make makes a code that stands for a token, in the place of any other.
func (c *codes) make(parent hash, now time.Time) (code string, until time.Time) {
	var random [codeLength]byte
	rand.Read(random[:])
	for i := range random {
		random[i] = codeLetters[random[i]%byte(len(codeLetters))] // 32 divides 256
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hash, c.until, c.parent = sha256.Sum256(random[:]), now.Add(codeLife), parent
	return string(random[:codeLength/2]) + "-" + string(random[codeLength/2:]), c.until
}

// take gives the token for which a code was made, and ends the code.
func (c *codes) take(text string, now time.Time) (parent hash, ok bool) {
	sent := hash(sha256.Sum256([]byte(plainCode(text))))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parent == (hash{}) || !now.Before(c.until) || subtle.ConstantTimeCompare(sent[:], c.hash[:]) != 1 {
		return hash{}, false
	}
	parent, c.parent = c.parent, hash{}
	return parent, true
}

// mayGuess reports whether an exchange may be tried. Only the failed ones use
// up what there is; a right one is let through as long as anything is left.
func (c *codes) mayGuess(now time.Time) bool { return c.guesses.TokensAt(now) >= 1 }

func (c *codes) guessed(now time.Time) { c.guesses.AllowN(now, 1) }

// plainCode undoes what reading and typing do to a code.
func plainCode(text string) string {
	if len(text) > maxCodeText {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\u00a0', '\u2010', '\u2011', '\u2012', '\u2013', '\t', '\r', '\n':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return r
	}, strings.ToUpper(text))
}

var errTooManyGuesses = sitesync.Errorf(sitesync.CodeOverload, "wait half a minute, then try again",
	"too many wrong codes were entered")

var errWrongCode = sitesync.Errorf(sitesync.CodeToken, "run sitesync-agent open again on this device, and enter the code that it shows",
	"the code is wrong, was used already, or is older than 5 minutes").WithField("code")

var errWrongToken = sitesync.Errorf(sitesync.CodeToken, "copy the whole of it; sitesync-agent token create makes a new one",
	"the token is not one of this agent's").WithField("token")

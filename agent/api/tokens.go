package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"sync"
	"time"

	"sitesync/shared/sitesync"
)

// Role says what a token may do.
type Role string

const (
	RoleApp   Role = "app"   // data, status, sync and check
	RoleAdmin Role = "admin" // also the site's details, enabling, tokens
)

// covers reports whether r may do what takes the role least.
func (r Role) covers(least Role) bool { return r == RoleAdmin || r == least }

// LocalToken names the token in the file DIR/token, with the role admin, which
// the agent's own commands use.
const LocalToken = "local"

const (
	maxTokens    = 1000
	maxTokenText = 200       // bytes of a token that somebody sends
	usedEvery    = time.Hour // how exactly the last use is remembered
)

// Token is what is shown of a token.
type Token struct {
	Name     string         `json:"name"`
	Role     Role           `json:"role"`
	Created  sitesync.Time  `json:"created"`
	LastUsed *sitesync.Time `json:"lastUsed"` // to the hour
}

// Tokens are the API's tokens, in a data directory. Of all but the local one
// only a hash is kept. One program at a time may have them open: while the
// agent runs, its API is the way to them.
type Tokens struct {
	dir string

	mu    sync.Mutex
	local savedToken
	saved []savedToken // by name
}

// OpenTokens reads the tokens of a data directory, and makes the local one
// when there is none. Errors: invalid (a damaged file), data_newer.
func OpenTokens(dir string) (*Tokens, error) {
	t := &Tokens{dir: dir}
	if err := t.readSaved(); err != nil {
		return nil, err
	}
	if err := t.readLocal(); err != nil {
		return nil, err
	}
	return t, nil
}

// Create makes a token and gives its text, which nobody can read again. It is
// durable on return. Errors: invalid, exists.
func (t *Tokens) Create(name string, role Role) (secret string, err error) {
	if sitesync.CheckCommandID(name) != nil || strings.Trim(name, ".") == "" { // dots alone mean something in paths
		return "", invalid("name", "use 1 to 64 of A-Z a-z 0-9 . _ -", "%q cannot be the name of a token", clip(name))
	}
	if err := checkRole(role); err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at, found := t.named(name)
	if found || name == LocalToken {
		return "", sitesync.Errorf(sitesync.CodeExists, "choose another name, or revoke that one first", "there is a token %q already", name).WithField("name")
	}
	if len(t.saved) >= maxTokens {
		return "", sitesync.Errorf(sitesync.CodeConflict, "revoke some that are not used", "there are %d tokens, the most there may be", maxTokens)
	}
	secret = newSecret()
	made := savedToken{Token: Token{Name: name, Role: role, Created: sitesync.At(time.Now())}, Hash: sha256.Sum256([]byte(secret))}
	return secret, t.save(slices.Insert(slices.Clone(t.saved), at, made))
}

// List gives the tokens by name, the local one first.
func (t *Tokens) List() []Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	tokens := []Token{t.local.Token}
	for _, s := range t.saved {
		tokens = append(tokens, s.Token)
	}
	return tokens
}

// Revoke makes a token invalid at once, durably. The local one is replaced.
// Errors: not_found.
func (t *Tokens) Revoke(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if name == LocalToken {
		return t.renewLocal()
	}
	at, found := t.named(name)
	if !found {
		return sitesync.Errorf(sitesync.CodeNotFound, "list the tokens to see their names", "there is no token %q", clip(name)).WithField("name")
	}
	return t.save(slices.Delete(slices.Clone(t.saved), at, at+1))
}

func (t *Tokens) named(name string) (at int, found bool) {
	return slices.BinarySearchFunc(t.saved, name, func(s savedToken, name string) int { return strings.Compare(s.Name, name) })
}

// use gives the role of a token, "" when it is none, with its hash, and
// remembers that it was used. err is about the remembering alone. How long it
// takes tells nothing about the tokens there are.
func (t *Tokens) use(secret string) (role Role, sent hash, err error) {
	if len(secret) > maxTokenText {
		return "", hash{}, nil
	}
	sent = sha256.Sum256([]byte(secret))
	t.mu.Lock()
	defer t.mu.Unlock()
	role, at := t.find(sent)
	switch {
	case role == "":
		return "", hash{}, nil
	case at < 0:
		now := sitesync.At(time.Now().Truncate(usedEvery))
		t.local.LastUsed = &now
		return role, sent, nil
	}
	return role, sent, t.remember(at)
}

// roleOf gives the role of a token by its hash, "" when there is none any more.
func (t *Tokens) roleOf(sent hash) Role {
	t.mu.Lock()
	defer t.mu.Unlock()
	role, _ := t.find(sent)
	return role
}

// nameOf gives the name of a token by its hash, "" when there is none.
func (t *Tokens) nameOf(sent hash) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch role, at := t.find(sent); {
	case role == "":
		return ""
	case at < 0:
		return LocalToken
	default:
		return t.saved[at].Name
	}
}

// find looks for a token by its hash: at is its place among the saved ones, -1
// for the local one.
func (t *Tokens) find(sent hash) (role Role, at int) {
	at = -1
	if subtle.ConstantTimeCompare(sent[:], t.local.Hash[:]) == 1 {
		role = RoleAdmin
	}
	for i := range t.saved {
		if subtle.ConstantTimeCompare(sent[:], t.saved[i].Hash[:]) == 1 {
			role, at = t.saved[i].Role, i
		}
	}
	return role, at
}

func (t *Tokens) remember(i int) error {
	now := sitesync.At(time.Now().Truncate(usedEvery))
	if last := t.saved[i].LastUsed; last != nil && !now.After(last.Time) {
		return nil
	}
	list := slices.Clone(t.saved)
	list[i].LastUsed = &now
	t.saved = list // also when it cannot be written, so that it is tried once an hour
	return t.save(list)
}

func checkRole(role Role) error {
	if role != RoleApp && role != RoleAdmin {
		return invalid("role", "use app or admin", "there is no role %q", clip(string(role)))
	}
	return nil
}

package registry

import (
	"sitesync/shared/sitesync"
)

// tokenPrefix begins every token. What follows are 43 base64url characters of
// 256 random bits.
const tokenPrefix = "sst1_"

// NewToken is what CreateToken takes.
type NewToken struct {
	Name    string
	Role    Role
	Data    bool
	Expires *sitesync.Time // nil = never
}

func (r *Registry) tokenDigest(token []byte) digest {
	return r.seal(append([]byte("token "), token...))
}

// CreateToken makes a token and answers it, this once: the hub keeps its keyed
// hash alone. The answer must not go to SaveAnswer; a repetition of the command
// gets the token again for as long as this process remembers it. Errors:
// CodeInvalid, CodeExists, CodeIDReused.
func (r *Registry) CreateToken(a Actor, n NewToken) (u User, token string, err error) {
	if err := checkUser(n.Name, &n.Role, nil); err != nil {
		return User{}, "", err
	}
	token = randomSecret(tokenPrefix)
	done, err := r.perform(a, nil, false, func(e *edit) error {
		if n.Expires != nil && !n.Expires.After(e.at.Time) {
			return sitesync.Errorf(sitesync.CodeInvalid, "choose a time to come", "the token would have expired already").WithField("expires")
		}
		return e.addUser(userRecord{
			Name: n.Name, Kind: KindToken, Role: n.Role, Data: n.Data, Enabled: true,
			Token: r.tokenDigest([]byte(token)), Expires: n.Expires, Created: e.at,
		})
	})
	if err != nil {
		return User{}, "", err
	}
	if token, err = r.showOnce(a, done, token); err != nil {
		return User{}, "", err
	}
	u, err = r.User(done.User)
	return u, token, err
}

// RevokeToken takes a token away and answers it as it was. Errors:
// CodeNotFound, CodeIDReused.
func (r *Registry) RevokeToken(a Actor, name string) (User, error) {
	return r.deleteUser(a, name, KindToken)
}

// showOnce gives the secret to show: the new one, or for a repeated command
// the one that it showed.
func (r *Registry) showOnce(a Actor, done result, secret string) (string, error) {
	if !done.again {
		if secret != "" {
			r.shown.keep(a, secret, r.memory)
		}
		return secret, nil
	}
	if shown, known := r.shown.get(a); known || secret == "" {
		return shown, nil
	}
	return "", sitesync.Errorf(sitesync.CodeExists, "take it away and create it again",
		"%q was created, but its secret was in the first answer alone", done.User).WithField("name")
}

package registry

import (
	"fmt"
	"time"

	"sitesync/shared/sitesync"
)

// lastUsedEvery is how exact LastUsed is; logins in between write nothing.
const lastUsedEvery = time.Minute

// AuthenticateUser decides whether a user or token may connect: Accepted,
// BadCredentials, Busy, or NotAuthorized for a right secret of one that is
// disabled or has expired. The user is filled in when it is accepted. An error
// is a failure of ours, not a refusal.
//
// A user's password is subject to the limits on guessing; a token is not, and
// costs microseconds.
func (r *Registry) AuthenticateUser(kind UserKind, name string, secret []byte, address string) (User, Outcome, error) {
	rec, known := r.userOfKind(name, kind)
	switch kind {
	case KindToken:
		if !known || r.tokenDigest(secret) != rec.Token {
			return User{}, BadCredentials, nil
		}
	case KindUser:
		v, err := r.guess("user "+name, address, rec.Password, secret)
		switch {
		case err != nil:
			return User{}, 0, fmt.Errorf("registry: check the password of user %q: %w", name, err)
		case v == busyHashing:
			return User{}, Busy, nil
		case v != rightPassword:
			return User{}, BadCredentials, nil
		}
	default:
		return User{}, BadCredentials, nil
	}
	if !rec.Enabled || rec.Expires != nil && !time.Now().Before(rec.Expires.Time) {
		return User{}, NotAuthorized, nil
	}
	r.touch(rec)
	return rec.user(), Accepted, nil
}

func (r *Registry) userOfKind(name string, kind UserKind) (userRecord, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if u := r.index.users[name]; u != nil && u.Kind == kind {
		return *u, true
	}
	return userRecord{}, false
}

// touch notes the use. A login does not fail because it cannot be noted.
func (r *Registry) touch(u userRecord) {
	if u.LastUsed != nil && time.Since(u.LastUsed.Time) < lastUsedEvery {
		return
	}
	err := r.edit(func(e *edit) error {
		rec, known, err := get[userRecord](e, keyUser(u.Name))
		if err != nil || !known || rec.Edits != u.Edits {
			return err
		}
		rec.LastUsed = new(sitesync.Time)
		*rec.LastUsed = e.at
		return e.put(keyUser(u.Name), rec)
	})
	if err != nil {
		r.log.Warn("the use of a user or token could not be noted", logUser, u.Name, logError, err)
	}
}

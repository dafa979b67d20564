package registry

import "time"

// AuthenticateBearer decides about a token that comes without its name, as in
// an HTTP header: Accepted, BadCredentials, or NotAuthorized for one that is
// disabled or has expired. It costs microseconds, and guessing is hopeless.
func (r *Registry) AuthenticateBearer(token []byte) (User, Outcome) {
	sum := r.tokenDigest(token)
	rec, known := r.tokenOf(sum)
	switch {
	case !known:
		return User{}, BadCredentials
	case !rec.Enabled, rec.Expires != nil && !time.Now().Before(rec.Expires.Time):
		return User{}, NotAuthorized
	}
	r.touch(rec)
	return rec.user(), Accepted
}

func (r *Registry) tokenOf(sum digest) (userRecord, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, u := range r.index.users {
		if u.Kind == KindToken && u.Token == sum {
			return *u, true
		}
	}
	return userRecord{}, false
}

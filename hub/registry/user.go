package registry

import (
	"slices"

	"sitesync/shared/sitesync"
)

// Role says what a user or token may do: an admin edits, a viewer sees.
type Role string

const (
	RoleAdmin  Role = "admin"
	RoleViewer Role = "viewer"
)

// UserKind tells users from tokens. Both have one name space.
type UserKind string

const (
	KindUser  UserKind = "user"
	KindToken UserKind = "token"
)

// User is a person or a token (shape U).
type User struct {
	Name     string         `json:"name"`
	Kind     UserKind       `json:"kind"`
	Role     Role           `json:"role"`
	Data     bool           `json:"data"` // may read records
	Enabled  bool           `json:"enabled"`
	Expires  *sitesync.Time `json:"expires"`
	LastUsed *sitesync.Time `json:"lastUsed"` // to the minute
	Created  sitesync.Time  `json:"created"`

	// Edits grows with each edit. A session that began under a lower one, or
	// whose user is gone, must end.
	Edits uint64 `json:"-"`
}

type userRecord struct {
	header
	Name     string         `json:"name"`
	Kind     UserKind       `json:"kind"`
	Role     Role           `json:"role"`
	Data     bool           `json:"data"`
	Enabled  bool           `json:"enabled"`
	Password string         `json:"password,omitempty"` // PHC string, of users
	Token    digest         `json:"token,omitzero"`     // of tokens
	Expires  *sitesync.Time `json:"expires,omitempty"`
	LastUsed *sitesync.Time `json:"lastUsed,omitempty"`
	Created  sitesync.Time  `json:"created"`
	Edits    uint64         `json:"edits"`
}

func (u *userRecord) user() User {
	return User{
		Name: u.Name, Kind: u.Kind, Role: u.Role, Data: u.Data, Enabled: u.Enabled,
		Expires: clonePointer(u.Expires), LastUsed: clonePointer(u.LastUsed), Created: u.Created, Edits: u.Edits,
	}
}

// administers reports whether u can still repair the hub. A token does not
// count: it may expire.
func (u *userRecord) administers() bool {
	return u.Kind == KindUser && u.Role == RoleAdmin && u.Enabled
}

// User gives a user or token. Errors: CodeNotFound.
func (r *Registry) User(name string) (User, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if u := r.index.users[name]; u != nil {
		return u.user(), nil
	}
	return User{}, noUser(name)
}

func noUser(name string) *sitesync.Error {
	return sitesync.Errorf(sitesync.CodeNotFound, "list the users and tokens", "there is no user or token %q", clip(name)).WithField("name")
}

// Users lists users and tokens in the order of their names: at most limit (0 =
// all) of those after the name after for which filter holds (nil = all). next
// is the after of the next page, "" on the last.
func (r *Registry) Users(filter func(*User) bool, after string, limit int) (items []User, next string) {
	for _, u := range r.usersAfter(after) {
		if filter != nil && !filter(&u) {
			continue
		}
		if limit > 0 && len(items) == limit {
			return items, items[limit-1].Name
		}
		items = append(items, u)
	}
	return items, ""
}

func (r *Registry) usersAfter(after string) []User {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var users []User
	for _, u := range r.index.users {
		if u.Name > after {
			users = append(users, u.user())
		}
	}
	slices.SortFunc(users, func(a, b User) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return users
}

// clip keeps a stranger's text from filling a message.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

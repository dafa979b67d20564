package admin

import (
	"sitesync/hub/registry"
)

// Results of commands about users and tokens.
type (
	// UserResult is the result of commands about one user.
	UserResult struct {
		User     registry.User `json:"user"`
		Password string        `json:"password,omitempty"` // one that the hub made, shown this once
	}
	// TokenResult is the result of commands about one token.
	TokenResult struct {
		User  registry.User `json:"user"`
		Token string        `json:"token,omitempty"` // of token.create: shown this once
	}
)

// me lets a client offer what will work alone.
func (c *call) me(noArgs) (out UserResult, err error) {
	out.User, err = c.Registry.User(c.caller.Name)
	return out, err
}

// userCreate is what user.create takes.
type userCreate struct {
	Name     string        `json:"name" about:"name to sign in with: 1 to 64 of A-Z a-z 0-9 . _ -"`
	Role     registry.Role `json:"role" about:"admin may edit, viewer may look"`
	Data     bool          `json:"data,omitempty" about:"may read records too"`
	Password *string       `json:"password,omitempty" secret:"true" about:"at least 8 characters; left out, the hub makes one and shows it once"`
}

func (c *call) createUser(in userCreate) (out UserResult, err error) {
	n := registry.NewUser{Name: in.Name, Role: in.Role, Data: in.Data}
	if in.Password != nil {
		if err := registry.CheckPassword(*in.Password); err != nil {
			return out, err
		}
		n.Password = *in.Password
	}
	out.User, out.Password, err = c.Registry.CreateUser(c.actor, n)
	c.made = err == nil && out.Password == "" // an answer with a secret is not kept
	return out, err
}

// userUpdate is what user.update takes. What is left out stays as it is.
type userUpdate struct {
	Name     string         `json:"name" about:"the user, or a token"`
	Role     *registry.Role `json:"role,omitempty" about:"admin may edit, viewer may look"`
	Data     *bool          `json:"data,omitempty" about:"may read records too"`
	Enabled  *bool          `json:"enabled,omitempty" about:"whether it may sign in"`
	Password *string        `json:"password,omitempty" secret:"true" about:"new password, at least 8 characters; not of a token"`
}

func (c *call) updateUser(in userUpdate) (out UserResult, err error) {
	out.User, err = c.Registry.UpdateUser(c.actor, registry.UserEdit{Name: in.Name, Role: in.Role, Data: in.Data, Enabled: in.Enabled, Password: in.Password})
	c.made = err == nil
	return out, err
}

// userOnly is what commands take that need no more than a name.
type userOnly struct {
	Name string `json:"name" about:"its name"`
}

func (c *call) deleteUser(in userOnly) (out UserResult, err error) {
	out.User, err = c.Registry.DeleteUser(c.actor, in.Name)
	c.made = err == nil
	return out, err
}

// userList is what user.list and token.list take.
type userList struct {
	Limit *int   `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After string `json:"after,omitempty" about:"next of the former page"`
}

func (c *call) listUsers(in userList) (Page[registry.User], error) {
	return c.listKind(registry.KindUser, in)
}

func (c *call) listTokens(in userList) (Page[registry.User], error) {
	return c.listKind(registry.KindToken, in)
}

func (c *call) listKind(kind registry.UserKind, in userList) (out Page[registry.User], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	users, next := c.Registry.Users(func(u *registry.User) bool { return u.Kind == kind }, p.after, p.limit)
	for _, u := range users {
		if _, err := out.add(u); err != nil { // 1,000 of them are far from filling a page
			return out, err
		}
	}
	out.Next = next
	return out, nil
}

// tokenCreate is what token.create takes.
type tokenCreate struct {
	Name    string        `json:"name" about:"name to sign in with: 1 to 64 of A-Z a-z 0-9 . _ -"`
	Role    registry.Role `json:"role" about:"admin may edit, viewer may look"`
	Data    bool          `json:"data,omitempty" about:"may read records too"`
	Expires *Moment       `json:"expires,omitempty" about:"when it stops working: a date, or a time like 2030-01-31T12:00:00Z; left out, never"`
}

func (c *call) createToken(in tokenCreate) (out TokenResult, err error) {
	n := registry.NewToken{Name: in.Name, Role: in.Role, Data: in.Data}
	if in.Expires != nil {
		n.Expires = &in.Expires.Time
	}
	out.User, out.Token, err = c.Registry.CreateToken(c.actor, n)
	return out, err // its answer is not kept: it shows the token
}

func (c *call) revokeToken(in userOnly) (out TokenResult, err error) {
	out.User, err = c.Registry.RevokeToken(c.actor, in.Name)
	c.made = err == nil
	return out, err
}

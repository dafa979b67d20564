package cli

import (
	"strings"

	"sitesync/hub/admin"
	"sitesync/hub/registry"
)

// userResult shows a user, and a password that the hub made on a line of its
// own, to be copied.
func (v *view) userResult(r *admin.UserResult) error {
	pairs := userPairs(v, &r.User)
	if r.Password != "" {
		pairs = append(pairs, pair{"Password", cell{text: r.Password, colour: bold}})
		defer v.hint("The password is shown this once.")
	}
	return v.pairs(pairs)
}

func (v *view) tokenResult(r *admin.TokenResult) error {
	pairs := userPairs(v, &r.User)
	if r.Token != "" {
		pairs = append(pairs, pair{"Token", cell{text: r.Token, colour: bold}})
		defer v.hint("The token is shown this once. Keep it in a file that only its program can read, and give that with --token-file.")
	}
	return v.pairs(pairs)
}

func userPairs(v *view, u *registry.User) []pair {
	pairs := []pair{{"Name", text(u.Name)}, {"Role", text(rights(u))}}
	if !u.Enabled {
		pairs = append(pairs, pair{"Enabled", cell{text: "no", colour: yellow}})
	}
	if u.Kind == registry.KindToken {
		pairs = append(pairs, pair{"Expires", v.expires(u)})
	}
	return append(pairs, pair{"Last used", text(v.when(u.LastUsed))})
}

// rights is what a user or token may do.
func rights(u *registry.User) string {
	if u.Data {
		return string(u.Role) + ", records"
	}
	return string(u.Role)
}

func (v *view) expires(u *registry.User) cell {
	switch {
	case u.Expires == nil:
		return text("never")
	case u.Expires.Before(v.now):
		return cell{text: v.moment(u.Expires.Time) + " (over)", colour: red}
	}
	return text(v.moment(u.Expires.Time))
}

// users are the items of user.list and of token.list.
func (v *view) users(users []registry.User) error {
	heading := []string{"NAME", "ROLE", "ENABLED", "LAST USED"}
	tokens := len(users) > 0 && users[0].Kind == registry.KindToken
	if tokens {
		heading = append(heading, "EXPIRES")
	}
	rows := make([][]cell, len(users))
	for i := range users {
		u := &users[i]
		enabled := text("yes")
		if !u.Enabled {
			enabled = cell{text: "no", colour: yellow}
		}
		rows[i] = []cell{text(u.Name), text(rights(u)), enabled, text(v.ago(u.LastUsed))}
		if tokens {
			rows[i] = append(rows[i], v.expires(u))
		}
	}
	return v.table(heading, rows)
}

// joined is a line of words with what is not there left out.
func joined(words ...string) string {
	var some []string
	for _, w := range words {
		if w != "" {
			some = append(some, w)
		}
	}
	return strings.Join(some, " ")
}

package registry

import (
	"slices"

	"sitesync/shared/sitesync"
)

// NewUser is what CreateUser takes.
type NewUser struct {
	Name     string
	Role     Role
	Data     bool
	Password string // "" = make one
}

// UserEdit changes what is not nil.
type UserEdit struct {
	Name     string
	Role     *Role
	Data     *bool
	Enabled  *bool
	Password *string
}

// adminsRecord names the users who administer. Every edit that could take the
// last one away writes it, so that two such edits meet.
type adminsRecord struct {
	header
	Names []string `json:"names"`
}

// firstAdmin is the name of the first user.
const firstAdmin = "admin"

// EnsureAdmin makes the user "admin" when there is no user at all, with the
// given password or else a generated one, which it answers.
func (r *Registry) EnsureAdmin(password string) (generated string, err error) {
	r.mu.RLock()
	some := len(r.index.users) > 0
	r.mu.RUnlock()
	if some {
		return "", nil
	}
	_, generated, err = r.CreateUser(systemActor("user.create"), NewUser{Name: firstAdmin, Role: RoleAdmin, Data: true, Password: password})
	return generated, err
}

// CreateUser makes a user. A generated password is answered, this once.
// Errors: CodeInvalid, CodeExists, CodeIDReused.
func (r *Registry) CreateUser(a Actor, n NewUser) (u User, generated string, err error) {
	password := n.Password
	if password == "" {
		generated = generatePassword()
		password = generated
	}
	if err := checkUser(n.Name, &n.Role, &password); err != nil {
		return User{}, "", err
	}
	given, chosen := r.choose(n.Password), r.choose(password)
	done, err := r.perform(a, given, false, func(e *edit) error {
		if given != nil {
			e.done.secret = chosen.hash()
		}
		return e.addUser(userRecord{
			Name: n.Name, Kind: KindUser, Role: n.Role, Data: n.Data, Enabled: true,
			Password: chosen.hash(), Created: e.at,
		})
	})
	if err != nil {
		return User{}, "", err
	}
	if generated, err = r.showOnce(a, done, generated); err != nil {
		return User{}, "", err
	}
	u, err = r.User(done.User)
	return u, generated, err
}

// UpdateUser changes a user; of a token, role, data and enabled. Errors:
// CodeNotFound, CodeInvalid, CodeInUse (the last administrator), CodeIDReused.
func (r *Registry) UpdateUser(a Actor, want UserEdit) (User, error) {
	if err := checkUser(want.Name, want.Role, want.Password); err != nil {
		return User{}, err
	}
	var password *chosen
	if want.Password != nil {
		password = r.choose(*want.Password)
	}
	done, err := r.perform(a, password, false, func(e *edit) error {
		rec, err := e.user(want.Name, "")
		if err != nil {
			return err
		}
		e.done.User = rec.Name
		before, after := details{}, details{}
		if want.Role != nil && *want.Role != rec.Role {
			before["role"], after["role"] = rec.Role, *want.Role
			rec.Role = *want.Role
		}
		if want.Data != nil && *want.Data != rec.Data {
			before["data"], after["data"] = rec.Data, *want.Data
			rec.Data = *want.Data
		}
		if want.Enabled != nil && *want.Enabled != rec.Enabled {
			before["enabled"], after["enabled"] = rec.Enabled, *want.Enabled
			rec.Enabled = *want.Enabled
		}
		if want.Password != nil {
			if rec.Kind == KindToken {
				return sitesync.Errorf(sitesync.CodeInvalid, "revoke the token and create another", "a token has no password").WithField("password")
			}
			rec.Password = password.hash()
			e.done.secret = rec.Password
			after["password"] = "changed"
		}
		if len(after) == 0 {
			return nil
		}
		after["user"] = rec.Name
		rec.Edits++
		e.audit(a, sitesync.Audit{Before: before.json(), After: after.json()})
		return e.putUser(rec)
	})
	if err != nil {
		return User{}, err
	}
	return r.User(done.User)
}

// DeleteUser takes a user away and answers it as it was. Errors:
// CodeNotFound, CodeInUse (the last administrator), CodeIDReused.
func (r *Registry) DeleteUser(a Actor, name string) (User, error) {
	return r.deleteUser(a, name, KindUser)
}

func (r *Registry) deleteUser(a Actor, name string, kind UserKind) (User, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		rec, err := e.user(name, kind)
		if err != nil {
			return err
		}
		if err := e.setAdmin(name, false); err != nil {
			return err
		}
		gone := rec.user()
		e.done.User, e.done.GoneUser = name, &gone
		e.audit(a, sitesync.Audit{Before: rec.details().json()})
		e.remove(keyUser(name))
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return *done.GoneUser, nil
}

// user reads a user of a kind, "" = any.
func (e *edit) user(name string, kind UserKind) (userRecord, error) {
	rec, known, err := get[userRecord](e, keyUser(name))
	if err == nil && (!known || kind != "" && rec.Kind != kind) {
		err = noUser(name)
	}
	return rec, err
}

func (e *edit) addUser(rec userRecord) error {
	if _, known, err := get[userRecord](e, keyUser(rec.Name)); err != nil {
		return err
	} else if known {
		return sitesync.Errorf(sitesync.CodeExists, "choose another name", "there is a user or token %q already", rec.Name).WithField("name")
	}
	e.done.User = rec.Name
	rec.Edits = 1
	e.audit(e.actor, sitesync.Audit{After: rec.details().json()})
	return e.putUser(rec)
}

func (u *userRecord) details() details {
	d := details{"user": u.Name, "kind": u.Kind, "role": u.Role, "data": u.Data}
	if u.Expires != nil {
		d["expires"] = u.Expires
	}
	return d
}

func (e *edit) putUser(rec userRecord) error {
	if err := e.setAdmin(rec.Name, rec.administers()); err != nil {
		return err
	}
	return e.put(keyUser(rec.Name), rec)
}

// setAdmin keeps the list of administrators, which is never empty again.
func (e *edit) setAdmin(name string, administers bool) error {
	admins, _, err := get[adminsRecord](e, keyAdmins)
	if err != nil {
		return err
	}
	if slices.Contains(admins.Names, name) == administers {
		return nil
	}
	if administers {
		admins.Names = append(admins.Names, name)
		slices.Sort(admins.Names)
	} else {
		admins.Names = slices.DeleteFunc(admins.Names, func(n string) bool { return n == name })
	}
	if len(admins.Names) == 0 {
		return sitesync.Errorf(sitesync.CodeInUse, "make another user an administrator first", "%q is the last administrator", name).WithField("name")
	}
	return e.put(keyAdmins, admins)
}

func checkUser(name string, role *Role, password *string) error {
	if err := sitesync.CheckCommandID(name); err != nil {
		return inField(err, "name")
	}
	if role != nil && *role != RoleAdmin && *role != RoleViewer {
		return sitesync.Errorf(sitesync.CodeInvalid, "use admin or viewer", "there is no such role").WithField("role")
	}
	if password != nil {
		return CheckPassword(*password)
	}
	return nil
}

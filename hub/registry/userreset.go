package registry

// ResetPassword gives a user another password, for the hub's own machine,
// where there is nobody to ask. Without one it makes one up and answers it,
// this once. The audit log says that the hub did it. Errors: CodeNotFound,
// CodeInvalid.
func (r *Registry) ResetPassword(name, password string) (u User, generated string, err error) {
	if password == "" {
		generated = generatePassword()
		password = generated
	}
	u, err = r.UpdateUser(systemActor("user.reset-password"), UserEdit{Name: name, Password: &password})
	if err != nil {
		return User{}, "", err
	}
	return u, generated, nil
}

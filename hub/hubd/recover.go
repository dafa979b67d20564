package hubd

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"sitesync/hub/registry"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// ResetPassword gives a user of a stopped hub another password, for those who
// have lost the last one that could administer it. Who may write to the data
// directory may do this. Without a password it makes one up and answers it.
// Errors: usage, data_locked, data_newer, not_found, invalid.
func ResetPassword(dir, name, password string) (u registry.User, generated string, err error) {
	db, err := openStopped(dir)
	if err != nil {
		return u, "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r, err := registry.Open(registry.NewKV(db), registry.Options{})
	if err != nil {
		return u, "", err
	}
	defer r.Close()
	return r.ResetPassword(name, password)
}

// openStopped opens the database of a hub that does not run. It never makes
// one.
func openStopped(dir string) (*kv.DB, error) {
	path := filepath.Join(dir, "db")
	if _, err := os.Stat(path); err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "give --data with the hub's data directory, on the hub's own machine", "there is no hub in %s", dir)
	}
	db, err := kv.Open(kv.Options{Dir: path, Kind: "hub", Format: Format, Logger: slog.New(slog.DiscardHandler)})
	if sitesync.CodeOf(err) == sitesync.CodeDataLocked {
		return nil, sitesync.Errorf(sitesync.CodeDataLocked, "stop it, give this command again, and start it; another administrator can also do it while it runs: sitesync-hub user update NAME --password-file FILE",
			"a hub is running on %s", dir)
	}
	return db, err
}

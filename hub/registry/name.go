package registry

import (
	"fmt"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"sitesync/shared/sitesync"
)

// nameRecord reserves a folded name for the site that has it or had it.
type nameRecord struct {
	header
	Site sitesync.SiteID `json:"site"`
}

// NormalName brings a site name to the form in which it is kept, Unicode NFC,
// and checks it. Its error has CodeInvalid.
func NormalName(name string) (string, error) {
	if len(name) > 16*sitesync.MaxSiteName { // before the work of normalising it
		return "", sitesync.Errorf(sitesync.CodeInvalid, "use at most 100 characters", "the site name has %d bytes", len(name)).WithField("name")
	}
	name = norm.NFC.String(name)
	return name, sitesync.CheckSiteName(name)
}

// foldName gives the form in which names are compared: two names that differ
// in case, or in how accents are composed, are one.
func foldName(name string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

// takeName reserves name for a site, which may have it already.
func (e *edit) takeName(name string, site sitesync.SiteID) error {
	key := keyName(foldName(name))
	taken, known, err := get[nameRecord](e, key)
	if err != nil {
		return err
	}
	if known && taken.Site != site {
		return e.nameTaken(name, taken.Site)
	}
	return e.put(key, nameRecord{Site: site})
}

func (e *edit) nameTaken(name string, site sitesync.SiteID) error {
	holder, err := need[siteRecord](e, keySite(site))
	if err != nil {
		return err
	}
	what := fmt.Sprintf("the name %q belongs to site %d", name, site)
	if foldName(holder.Name) != foldName(name) {
		what = fmt.Sprintf("the name %q was that of site %d, now %q, and stays reserved until that site is deleted", name, site, holder.Name)
	}
	return sitesync.Errorf(sitesync.CodeExists, "choose another name", "%s", what).WithField("name")
}

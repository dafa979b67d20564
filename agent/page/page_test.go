package page

import (
	"io/fs"
	"testing"

	"sitesync/shared/web/webtest"
)

func TestTexts(t *testing.T) {
	files, err := fs.Sub(static, "static")
	if err != nil {
		t.Fatal(err)
	}
	webtest.CheckTexts(t, files, nil, "fr")
}

// TestSmall holds the page to what a poor device loads quickly. Nothing comes
// over the facility's link, but each kilobyte is in the program, too.
func TestSmall(t *testing.T) {
	pages, err := Pages()
	if err != nil {
		t.Fatal(err)
	}
	if size := pages.Size(); size > 60<<10 {
		t.Errorf("the page has %d bytes, compressed", size)
	} else {
		t.Logf("%d bytes, compressed", size)
	}
}

package console

import (
	"io/fs"
	"os"
	"testing"

	"sitesync/shared/web/webtest"
)

func TestTexts(t *testing.T) {
	files, err := fs.Sub(static, "static")
	if err != nil {
		t.Fatal(err)
	}
	shared := webtest.Texts(t, os.DirFS("../../shared/web/static"), "en")
	webtest.CheckTexts(t, files, shared, "fr")
}

// All that a browser loads, compressed, is small enough for a slow link.
func TestSmall(t *testing.T) {
	if size := Pages().Size(); size > 300<<10 {
		t.Errorf("%d KB", size>>10)
	} else {
		t.Logf("%d KB", size>>10)
	}
}

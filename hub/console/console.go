// Package console is the hub's web console: static files, which talk to the
// broker by MQTT over WebSocket, with the same commands as everybody.
package console

import (
	"embed"
	"io/fs"

	"sitesync/shared/web"
)

//go:embed static
var static embed.FS

// Pages gives the console as it is served at /.
func Pages() *web.Pages {
	files, err := fs.Sub(static, "static")
	if err == nil {
		var pages *web.Pages
		if pages, err = web.New(files, true); err == nil {
			return pages
		}
	}
	panic("console: " + err.Error()) // the files are part of the program
}

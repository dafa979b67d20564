// Package page is the agent's page, for the people at a facility: static files,
// which use the local API as any other program does.
package page

import (
	"embed"
	"io/fs"

	"sitesync/shared/web"
)

//go:embed static
var static embed.FS

// Pages gives the page as it is served at /.
func Pages() (*web.Pages, error) {
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	return web.New(files, false)
}

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sitesync/hub/rig"
)

// TestScript runs the command lines in testdata/script as people type them,
// with the built programs. Beside testscript's own commands there are:
//
//	start hub|agent DIR ARGUMENT…   serves until end, or the script's end: its
//	                                standard output up to "ready" is stdout
//	end DIR                         ends it with SIGTERM; it must end well
//	code N PROGRAM ARGUMENT…        runs a program to its end, with exit code N
//	until PATTERN PROGRAM …         runs it again and again until it succeeds and
//	                                its standard output matches
//	put AGENT-DIR STORE TABLE/ID DATA   writes a record as an application does
//	get FILE NAME                   sets $NAME to a file's content
//
// $DIR_MQTT and its like are the addresses of the hub in DIR. The admin's
// commands go to the hub in $WORK/hub, as the user admin; all passwords are in
// files. Devices have made-up hardware.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup:              setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": (*script).start, "end": (*script).end, "code": (*script).code,
			"until": (*script).until, "put": (*script).put, "get": (*script).get,
		},
	})
}

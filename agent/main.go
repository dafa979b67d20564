// sitesync-agent runs beside a facility's application, keeps its data, and
// syncs it with the hub.
package main

import (
	"os"

	"sitesync/agent/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

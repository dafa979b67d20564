// sitesync-hub is the central server: an MQTT broker, the registry of sites and
// stores, and the data of all stores.
package main

import (
	"os"

	"sitesync/hub/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Package client calls the local API of an agent that runs, for the agent's
// own commands. It finds the API and its admin token in the data directory.
//
// Errors are those that the API answered (*sitesync.Error, with its code). No
// agent that answers is ErrNotRunning, with the code unreachable; a hub that
// the agent did not reach has that code too.
package client

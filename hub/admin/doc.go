// Package admin carries out the commands of administrators and scripts: JSON
// requests on sitesync/v1/admin/{command}, answered on the caller's reply
// topic. The command line and the web console are clients of the same.
//
// One table (table.go) gives each command its name, the right it needs, its
// arguments and result as Go types, a line of description and an example.
// Checking arguments, dispatching, help and the command line's flags are
// derived from it. To add a command, write its argument struct and a method of
// call in the file of its group, and give it a row.
//
// A command that edits is one transaction of the registry, or of one store's
// records, with its audit entry and the memory of its ID; the answer is
// completed afterwards. The same ID sent again gives the same answer and does
// nothing twice.
package admin

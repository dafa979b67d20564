package cli

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

// about says what a group of commands is for.
var about = map[string]string{
	"site":  "Register sites, change and look at them",
	"store": "Create stores, move and look at them",

	"handover":   "Look at moves of stores, cancel and force them",
	"quarantine": "Look at changes that were not applied, and decide about them",

	"record": "Read records, and change those active at the central site",

	"user":  "Let people sign in, and say what they may; set a lost password anew",
	"token": "Make and revoke tokens for programs",
	"audit": "Look at who edited what",
	"hub":   "Look at the hub itself",
	"event": "Follow what happens at the hub",
}

// AdminCommands are the commands for a running hub: a group for each group of
// the table, a verb with flags for each of its commands, and call for any.
func AdminCommands() []*cobra.Command {
	var groups []*cobra.Command
	to := map[string]*remote{}
	group := func(name string) *cobra.Command {
		if to[name] == nil {
			to[name] = new(remote)
			groups = append(groups, newGroup(name, to[name]))
		}
		return groups[slices.IndexFunc(groups, func(g *cobra.Command) bool { return g.Name() == name })]
	}
	for _, row := range admin.Commands() {
		name, verb, _ := strings.Cut(row.Name, ".")
		if verb := special[row.Name]; verb != nil {
			group(name).AddCommand(verb(to[name]))
			continue
		}
		group(name).AddCommand(newVerb(row, verb, to[name]))
	}
	for _, more := range besides {
		group(more.group).AddCommand(more.verb(to[more.group]))
	}
	return append(groups, newCall())
}

// special are commands of the table whose verb is made by hand; besides are
// verbs of a group that are no command of the table.
var (
	special = map[string]func(*remote) *cobra.Command{"quarantine.import": newImport}
	besides = []struct {
		group string
		verb  func(*remote) *cobra.Command
	}{{"user", newReset}, {"event", newTail}, {"event", newKinds}}
)

func newGroup(name string, to *remote) *cobra.Command {
	group := &cobra.Command{
		Use:   name,
		Short: about[name],
		Long:  about[name] + ".\n\n" + connecting,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(cmd, args[0], " in "+name)
			}
			return cmd.Help()
		},
	}
	to.flags(group.PersistentFlags(), outputTable)
	to.completions(group)
	return group
}

// newVerb makes the command of a row of the table.
func newVerb(row admin.Command, verb string, to *remote) *cobra.Command {
	in := newArguments(&row)
	var yes *bool
	cmd := &cobra.Command{
		Use:     strings.Join(append([]string{verb}, in.places()...), " "),
		Short:   strings.TrimSuffix(row.About, "."),
		Long:    row.About + "\n\nWhat stands in capitals can also be given by its flag.",
		Example: "  " + in.example(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return run(cmd, &row, in, to, args, *yes)
		},
	}
	in.define(cmd.Flags())
	yes = confirms(cmd, row.Name)
	switch row.Name {
	case "site.list":
		cmd.Flags().Bool("watch", false, "show the list as it changes, until Ctrl-C")
	case "site.join":
		cmd.Flags().String("svg", "", "`FILE` to write the QR code to, as an SVG image")
	}
	return cmd
}

func run(cmd *cobra.Command, row *admin.Command, in *arguments, to *remote, args []string, yes bool) error {
	if err := to.complete(in.loginFile()); err != nil {
		return err
	}
	view, err := newView(cmd, to.output)
	if err != nil {
		return err
	}
	if watched, _ := cmd.Flags().GetBool("watch"); watched && view.format == outputJSON {
		return usageError(cmd, "what is watched has no end: --output is table or ndjson")
	}
	view.svg, _ = cmd.Flags().GetString("svg")
	t := newTerminal(cmd)
	given, err := in.read(cmd, t, args)
	if err != nil {
		return err
	}
	if !yes {
		if err := confirm(t, row.Name, in); err != nil {
			return err
		}
	}
	c, err := to.dial(cmd.Context(), t)
	if err != nil {
		return err
	}
	defer c.Close()
	if watched, _ := cmd.Flags().GetBool("watch"); watched {
		return watchSites(cmd.Context(), c, row, given, view)
	}
	if isList(row) {
		items, next, err := fetch(cmd.Context(), c, row, given)
		if err != nil {
			return err
		}
		return view.list(row, items, next)
	}
	result, err := c.do(cmd.Context(), row.Name, given.object(), row.Right == admin.Edits)
	if err != nil {
		return err
	}
	return view.result(row, result)
}

// newCall makes call, which takes any command and its arguments as they are.
func newCall() *cobra.Command {
	to := new(remote)
	cmd := &cobra.Command{
		Use:   "call COMMAND [JSON]",
		Short: "Send any command, with its arguments as a JSON object",
		Long: `Sends any command, with its arguments as a JSON object, and prints its result as
JSON. With - the arguments are read from the standard input, so that a password
in them does not show in the list of processes.

` + connecting,
		Example: `  sitesync-hub call site.get '{"site":"Nadi"}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError(cmd, "call takes a command and its arguments")
			}
			return callCommand(cmd, to, args[0], append(args[1:], "{}")[0])
		},
	}
	to.flags(cmd.Flags(), outputJSON)
	to.completions(cmd)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var names []cobra.Completion
		for _, row := range admin.Commands() {
			if len(args) == 0 {
				names = append(names, cobra.CompletionWithDesc(row.Name, row.About))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

func callCommand(cmd *cobra.Command, to *remote, name, text string) error {
	if sitesync.CheckCommandID(name) != nil { // it becomes a level of a topic
		return usageError(cmd, "%q cannot be the name of a command", name)
	}
	if err := to.complete(""); err != nil {
		return err
	}
	view, err := newView(cmd, to.output)
	if err != nil {
		return err
	}
	t := newTerminal(cmd)
	args := []byte(text)
	if text == "-" {
		if args, err = t.readFile("-", maxInput); err != nil {
			return err
		}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(args, &object); err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, `write them like {"site":"Nadi"}; in a shell, between single quotes`, "the arguments are not a JSON object")
	}
	c, err := to.dial(cmd.Context(), t)
	if err != nil {
		return err
	}
	defer c.Close()
	row, known := admin.Lookup(name)
	result, err := c.do(cmd.Context(), name, args, !known || row.Right == admin.Edits)
	if err != nil {
		return err
	}
	return view.result(&row, result)
}

// mostPage is how many items of a list are asked for at once.
const mostPage = 500

// fetch fetches the pages of a list, all of them or as many items as --limit
// says; next is where it goes on.
func fetch(ctx context.Context, c *client, row *admin.Command, given given) (items []json.RawMessage, next string, err error) {
	left := given.limit()
	for {
		page := mostPage
		if left > 0 {
			page = min(page, left-len(items))
		}
		given.set("limit", page)
		result, err := c.do(ctx, row.Name, given.object(), false)
		if err != nil {
			return nil, "", err
		}
		var p admin.Page[json.RawMessage]
		if err := json.Unmarshal(result, &p); err != nil {
			return nil, "", unreadable(err)
		}
		items, next = append(items, p.Items...), p.Next
		if next == "" || left > 0 && len(items) >= left {
			return items, next, nil
		}
		given.set("after", next)
	}
}

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"sitesync/shared/sitesync"
	tty "sitesync/shared/terminal"
)

// final are the commands that cannot be undone, with what a person is asked
// first. In capitals are arguments, by their flags' names.
var final = map[string]string{
	"site.delete":         "Delete the site SITE?",
	"site.reset-hardware": "Free the site SITE for another device? The device it has is shut out, and what that has not sent goes to quarantine if it is ever found.",
	"site.wipe":           "Have the device of SITE delete all of its data?",
	"store.delete":        "Delete the store STORE with all of its records?",
	"handover.force":      "Complete the handover HANDOVER without what the former site has not sent? That goes to quarantine when it comes.",
	"quarantine.discard":  "Discard the change ITEM? It stays in the audit log alone.",
	"user.delete":         "Take the user NAME away?",
	"token.revoke":        "Revoke the token NAME? What uses it is shut out at once.",
}

// confirms adds --yes to a command that asks first.
func confirms(cmd *cobra.Command, command string) (yes *bool) {
	yes = new(bool)
	if final[command] != "" {
		cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
	}
	return yes
}

// confirm asks about a command that cannot be undone. Errors: usage.
func confirm(t *terminal, command string, a *arguments) error {
	question := final[command]
	if question == "" {
		return nil
	}
	for _, v := range a.values {
		question = strings.ReplaceAll(question, strings.ToUpper(kebab(v.field.Name)), clean(v.text))
	}
	if !t.asks {
		return sitesync.Errorf(sitesync.CodeUsage, "add --yes if that is what you want", "this cannot be undone, and there is no terminal to ask at: %s", question)
	}
	answer, err := tty.Line(t.ctx, t.in, t.out, question+" This cannot be undone. Type yes: ")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "yes", "y":
		return nil
	}
	return sitesync.Errorf(sitesync.CodeUsage, "type yes to go on", "nothing was done")
}

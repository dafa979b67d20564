package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sitesync/agent/api"
	"sitesync/agent/client"
	"sitesync/shared/sitesync"
)

// tokens is what the commands need, of a running agent or of its files.
type tokens interface {
	Tokens(ctx context.Context) ([]api.Token, error)
	CreateToken(ctx context.Context, name string, role api.Role) (string, error)
	RevokeToken(ctx context.Context, name string) error
}

// withTokens works through the running agent, else on the data directory.
func (p *program) withTokens(ctx context.Context, fn func(tokens) error) error {
	c, err := client.Open(p.config.Data)
	if err == nil {
		err = fn(c)
	}
	if !errors.Is(err, client.ErrNotRunning) {
		return err
	}
	if err := os.MkdirAll(p.config.Data, 0o700); err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "check the path given with --data", "the data directory cannot be made: %w", err)
	}
	files, err := api.OpenTokens(p.config.Data)
	if err != nil {
		return err
	}
	return fn(tokenFiles{files})
}

// tokenFiles are the tokens of an agent that does not run.
type tokenFiles struct{ files *api.Tokens }

func (t tokenFiles) Tokens(context.Context) ([]api.Token, error) { return t.files.List(), nil }
func (t tokenFiles) CreateToken(_ context.Context, name string, role api.Role) (string, error) {
	return t.files.Create(name, role)
}
func (t tokenFiles) RevokeToken(_ context.Context, name string) error { return t.files.Revoke(name) }

func (p *program) token() *cobra.Command {
	group := &cobra.Command{Use: "token", Short: "Tokens with which applications use the local API", RunE: help}
	var role string
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token; it is shown this once",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withTokens(cmd.Context(), func(t tokens) error {
				text, err := t.CreateToken(cmd.Context(), args[0], api.Role(role))
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(map[string]string{"name": args[0], "role": role, "token": text})
				}
				fmt.Fprintln(p.out, text)
				return nil
			})
		},
	}
	create.Flags().StringVar(&role, "role", "app", "app: reads and writes data; admin: also site details, tokens, enabling")
	list := &cobra.Command{
		Use:   "list",
		Short: "List the tokens",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withTokens(cmd.Context(), func(t tokens) error {
				list, err := t.Tokens(cmd.Context())
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(map[string]any{"items": list})
				}
				return p.printTokens(list)
			})
		},
	}
	revoke := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Make a token invalid at once",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withTokens(cmd.Context(), func(t tokens) error {
				if err := t.RevokeToken(cmd.Context(), args[0]); err != nil {
					return err
				}
				fmt.Fprintf(p.out, "The token %s is no longer valid.\n", args[0])
				return nil
			})
		},
	}
	for _, cmd := range []*cobra.Command{create, list} {
		p.jsonFlag(cmd)
	}
	group.AddCommand(create, list, revoke)
	return group
}

func (p *program) printTokens(list []api.Token) error {
	if len(list) == 0 {
		fmt.Fprintln(p.out, "No tokens yet. Make one for your application: sitesync-agent token create NAME")
		return nil
	}
	t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tROLE\tCREATED\tLAST USED")
	for _, token := range list {
		used := "never"
		if token.LastUsed != nil {
			used = token.LastUsed.Local().Format("2006-01-02 15h MST") // no more is kept than the hour
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", token.Name, token.Role, when(token.Created.Time), used)
	}
	return t.Flush()
}

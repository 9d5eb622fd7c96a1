package cli

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/cli/userdir"
	"moed/daemon/service"
)

func tokenCommand(u *ui) *cli.Command {
	file := &cli.StringFlag{Name: "tokens-file", Usage: "they are in `FILE`, by default that of the daemon"}
	asJSON := switchFlag("json", "print JSON")
	g := group("token", "let programs call over TCP",
		&cli.Command{Name: "list", Usage: "list the tokens", ArgsUsage: "[--json]", Flags: []cli.Flag{file, asJSON},
			Action: func(c *cli.Context) error { return listTokens(c, u) }},
		&cli.Command{Name: "create", Usage: "make a token and print it, this once", ArgsUsage: "NAME [--admin] [--json]",
			Flags:  []cli.Flag{file, switchFlag("admin", "let its bearer load, unload, resize and cancel"), asJSON},
			Action: func(c *cli.Context) error { return createToken(c, u) }},
		&cli.Command{Name: "revoke", Usage: "let a token's bearer in no more", ArgsUsage: "NAME", Flags: []cli.Flag{file},
			Action: func(c *cli.Context) error { return revokeToken(c, u) }},
	)
	g.Description = "A daemon that runs takes changes in within seconds. What is kept is a sum, not the token."
	return g
}

// tokensAt reads the tokens, and says where they are.
func tokensAt(c *cli.Context) (path string, tokens service.Tokens, err error) {
	path = c.String("tokens-file")
	if path == "" {
		config, err := readServeConfig("")
		if err == nil {
			err = furnish(&config)
		}
		if err != nil {
			return "", nil, err
		}
		path = config.TokensFile
	}
	tokens, err = service.ReadTokens(path)
	return path, tokens, err
}

func listTokens(c *cli.Context, u *ui) error {
	if c.NArg() > 0 {
		return usagef("token list takes no arguments, found %q", c.Args().First())
	}
	_, tokens, err := tokensAt(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, append(service.Tokens{}, tokens...))
	}
	w := tabwriter.NewWriter(u.std.Out, 0, 0, 2, ' ', 0)
	for _, t := range tokens {
		what := "asks"
		if t.Admin {
			what = "administers"
		}
		fmt.Fprintf(w, "%s\t%s\n", t.Name, what)
	}
	return w.Flush()
}

func createToken(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("token create wants one name, found %d", c.NArg())
	}
	path, tokens, err := tokensAt(c)
	if err != nil {
		return err
	}
	t, secret, err := service.NewToken(c.Args().First(), c.Bool("admin"))
	if err != nil {
		return usageError{err}
	}
	if tokens.Find(t.Name) >= 0 {
		return withHint(fmt.Errorf("there is a token %s already", t.Name), "moed token revoke %s makes room for another", t.Name)
	}
	if err := writeTokens(path, append(tokens, t)); err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, map[string]any{"name": t.Name, "admin": t.Admin, "token": secret})
	}
	if _, err := fmt.Fprintln(u.std.Out, secret); err != nil {
		return err
	}
	u.sayf("send it as Authorization: Bearer TOKEN; it is not shown again")
	return nil
}

func revokeToken(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("token revoke wants one name, found %d", c.NArg())
	}
	path, tokens, err := tokensAt(c)
	if err != nil {
		return err
	}
	name := c.Args().First()
	i := tokens.Find(name)
	if i < 0 {
		return withHint(fmt.Errorf("there is no token %s", clean(name)), "moed token lists them")
	}
	if err := writeTokens(path, append(tokens[:i:i], tokens[i+1:]...)); err != nil {
		return err
	}
	u.sayf("%s is let in no more", name)
	return nil
}

// writeTokens replaces the file. The machine's daemon must be able to read its
// own, which root has written.
func writeTokens(path string, tokens service.Tokens) error {
	machine := filepath.Dir(path) == systemConfig
	if machine {
		if err := os.MkdirAll(systemConfig, 0o755); err != nil {
			return err
		}
	}
	if err := userdir.Write(path, tokens.Text()); err != nil {
		return err
	}
	g, err := user.LookupGroup("moed")
	if !machine || err != nil { // without the group there is no such daemon
		return nil
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return err
	}
	if err := os.Chown(path, -1, gid); err != nil {
		return err
	}
	return os.Chmod(path, 0o640)
}

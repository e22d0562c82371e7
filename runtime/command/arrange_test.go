package command

import (
	"io"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestArrange(t *testing.T) {
	for _, c := range []struct{ args, want, words string }{
		{"berth", "berth", ""},
		{"berth --root /x", "berth --root /x", ""},
		{"berth delete x", "berth delete x", "x"},
		{"berth --log delete delete x --force", "berth --log delete delete --force x", "--force x"},
		{"berth --debug --log=l delete x -f", "berth --debug --log=l delete -f x", "-f x"},
		{"berth update x --memory 1 --pids-limit=2", "berth update --memory 1 --pids-limit=2 x", "--memory 1 --pids-limit=2 x"},
		{"berth update x -r -", "berth update -r - x", "-r - x"},
		{"berth update --memory", "berth update --memory", ""},
		{"berth update x --memory -1", "berth update --memory -1 x", "--memory -1 x"},
		{"berth delete -- --force", "berth delete -- --force", "-- --force"},
		{"berth delete x --nosuch", "berth delete --nosuch x", ""},
		{"berth exec -t x ls --all -t", "berth exec -t x ls --all -t", "-t x ls --all -t"},
		{"berth kill x 9 --all", "berth kill x 9 --all", "x 9 --all"},
		{"berth ps x -ef", "berth ps x -ef", "x -ef"},
		{"berth --debug -- delete x -f", "berth --debug -- delete x -f", "x -f"},
		{"berth nosuch x --force", "berth nosuch x --force", ""},
	} {
		app := App()
		var after []string
		app.Before, app.CommandNotFound, app.Writer = nil, nil, io.Discard
		for i, command := range app.Commands {
			quiet := *command
			quiet.Action = func(c *cli.Context) error { after = words(c); return nil }
			app.Commands[i] = &quiet
		}
		got := arrange(app, strings.Fields(c.args))
		_ = app.Run(got)
		if strings.Join(got, " ") != c.want || strings.Join(after, " ") != c.words {
			t.Errorf("%s: got %q and %q", c.args, got, after)
		}
	}
}

// TestValues checks that a comma is part of a value, and that a flag given twice has two values.
func TestValues(t *testing.T) {
	app := App()
	words := arrange(app, []string{"berth", "exec", "--env=A=b,c", "--env", "D=", "--cap", "CAP_KILL", "-g", "1", "-g", "2", "-t", "x", "--env=Y"})
	var env, caps, rest []string
	var tty bool
	for _, c := range app.Commands {
		if c.Name == "exec" {
			c.Action = func(c *cli.Context) error {
				env, caps, tty, rest = c.StringSlice("env"), c.StringSlice("cap"), c.Bool("tty"), c.Args().Slice()
				return nil
			}
		}
	}
	app.Before = nil
	if err := app.Run(words); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(env, " ") + " " + strings.Join(caps, " ") + " " + strings.Join(rest, " "); got != "A=b,c D= CAP_KILL x --env=Y" || !tty {
		t.Errorf("%q, %t", got, tty)
	}
}

package tools

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// CreateJail creates a jail and prints its jid. jail(8) does not read jail.conf(5) if it gets
// parameters on its command line.
func CreateJail(params []string) Command { return append(Command{"jail", "-i", "-c"}, params...) }

// SetJail changes a parameter of a jail.
func SetJail(name, param string) Command { return Command{"jail", "-m", "name=" + name, param} }

// RemoveJail kills all processes in a jail and removes it, regardless of jail.conf(5).
func RemoveJail(name string) Command { return Command{"jail", "-R", name} }

// ListJail prints parameters of a jail, separated by blanks.
func ListJail(name string, params ...string) Command {
	return append(Command{"jls", "-j", name}, params...)
}

// ErrNoJail is the error for a jail that does not exist.
var ErrNoJail = errors.New("no such jail")

// Create creates a jail and returns its jid.
func (b *Box) Create(ctx context.Context, params []string) (int, error) {
	out, err := b.Run(ctx, CreateJail(params))
	if err != nil {
		return 0, err
	}
	jid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil || jid <= 0 {
		return 0, fmt.Errorf("jail -i printed %q instead of a jid", out)
	}
	return jid, nil
}

// Jail looks up a jail by name and returns its jid and path. The error is ErrNoJail if it does not
// exist.
func (b *Box) Jail(ctx context.Context, name string) (jid int, path string, err error) {
	out, err := b.list(ctx, name, "jid", "path")
	if err != nil {
		return 0, "", err
	}
	number, path, _ := strings.Cut(strings.TrimSuffix(out, "\n"), " ")
	if jid, err = strconv.Atoi(number); err != nil || jid <= 0 {
		return 0, "", fmt.Errorf("jls printed %q instead of a jid and a path", out)
	}
	return jid, path, nil
}

// Numbers returns integer parameters of a jail. jls(8) prints booleans as true and false, which
// become 1 and 0. The error is ErrNoJail if the jail does not exist.
func (b *Box) Numbers(ctx context.Context, name string, params ...string) ([]int, error) {
	out, err := b.list(ctx, name, params...)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(out)
	if len(words) != len(params) {
		return nil, fmt.Errorf("jls printed %q instead of %s", out, strings.Join(params, ", "))
	}
	values := make([]int, len(words))
	for i, w := range words {
		switch w {
		case "true":
			values[i] = 1
		case "false":
		default:
			if values[i], err = strconv.Atoi(w); err != nil {
				return nil, fmt.Errorf("jls printed %q for %s", w, params[i])
			}
		}
	}
	return values, nil
}

func (b *Box) list(ctx context.Context, name string, params ...string) (string, error) {
	out, err := b.Run(ctx, ListJail(name, params...))
	var failed *Error
	if errors.As(err, &failed) && strings.Contains(failed.Said, "not found") {
		return "", fmt.Errorf("%s: %w", name, ErrNoJail)
	}
	return out, err
}

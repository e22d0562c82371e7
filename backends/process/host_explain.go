package process

import (
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Explain describes what process p would be. a are the basics of p. The lines leave out what only
// one platform has.
func (a *Basics) Explain(p *specs.Process) []backends.Line {
	var lines []backends.Line
	add := func(from, format string, args ...any) {
		lines = append(lines, backends.Line{Text: fmt.Sprintf(format, args...), From: from})
	}
	add("process.args", "exec %s", backends.CommandLine(a.Args...))
	add("process.cwd", "in %q", a.Cwd)
	add("process.user", "user %d, group %d, additional groups %v, umask %04o", a.UID, a.GID, a.Groups, a.Umask)
	// Values may be secrets, so only the names are shown.
	var names []string
	for _, e := range a.Env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	add("process.env", "environment: %s", strings.Join(names, " "))
	if p.Terminal {
		add("process.terminal", "a terminal")
	}
	if p.NoNewPrivileges {
		add("process.noNewPrivileges", "no new privileges")
	}
	for i, l := range p.Rlimits {
		add(fmt.Sprintf("process.rlimits[%d]", i), "%s soft %d, hard %d", l.Type, l.Soft, l.Hard)
	}
	return lines
}

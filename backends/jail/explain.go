package jail

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/backends/jail/tree"
)

// Explain returns the steps of Create as command lines. It changes nothing, and asks only the
// parent jails for their current limits.
func (b *Backend) Explain(c *backends.Container, s *specs.Spec, o backends.CreateOptions) (backends.Explanation, error) {
	cr := &creation{Backend: b, c: c, spec: s, opts: &o, data: &Data{}}
	defer cr.close()
	if err := cr.work(); err != nil {
		return nil, err
	}
	var x backends.Explanation
	for _, step := range []struct {
		title string
		lines func(context.Context) ([]backends.Line, error)
	}{
		{"file systems", cr.explainMounts},
		{"addresses", cr.explainAddresses},
		{"parents", cr.explainParents},
		{"jail", cr.explainJail},
		{"network interfaces", cr.explainInterfaces},
		{"limits", cr.explainLimits},
	} {
		lines, err := step.lines(context.Background())
		if err != nil {
			return nil, err
		}
		x.Add(step.title, lines...)
	}
	hooks.Explain(&x, s)
	x.Add("process", cr.plan.Process.Explain(s.Process)...)
	return x, nil
}

// does returns the line that shows a command.
func does(c tools.Command, from string) backends.Line {
	return backends.Line{Text: backends.CommandLine(c...), From: from}
}

func (cr *creation) explainMounts(context.Context) ([]backends.Line, error) {
	var lines []backends.Line
	if cr.readonly() {
		dir := cr.c.Root
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real // otherwise create will make it
		}
		cr.data.View = viewOf(cr.c, dir)
		view := cr.rootView()
		lines = append(lines, does(view.command(cr.data.View), view.Path))
	}
	for i := range cr.mounts {
		m := &cr.mounts[i]
		target, err := cr.explained(i)
		if err != nil {
			return nil, fmt.Errorf("%s (%s): %w", m.Path, m.Target, err)
		}
		if show := m.check(); show != nil {
			lines = append(lines, does(show, m.Path))
		}
		lines = append(lines, does(m.command(target), m.Path))
		if m.CopyUp {
			lines = append(lines, backends.Line{Text: "filled with a copy of the directory's content", From: m.Path})
		}
		for j := range m.Rules {
			r := &m.Rules[j]
			lines = append(lines, does(r.command(target), r.Path))
		}
	}
	return lines, nil
}

// explained returns the path on the host where mount i will be. A target inside an earlier mount is
// taken literally, because the contents of that mount are not visible yet.
func (cr *creation) explained(i int) (string, error) {
	m := &cr.mounts[i]
	if _, err := m.isFile(); err != nil {
		return "", err
	}
	target := path.Clean("/" + m.Target)
	for _, earlier := range cr.mounts[:i] {
		if strings.HasPrefix(target, path.Clean("/"+earlier.Target)+"/") {
			return cr.data.path() + target, nil
		}
	}
	place, err := m.claim(cr.root)
	if err != nil {
		return "", err
	}
	return place.Host(&tree.Root{Path: cr.data.path()}), nil
}

func (cr *creation) explainAddresses(context.Context) ([]backends.Line, error) {
	var lines []backends.Line
	for _, a := range cr.settings.aliases() {
		lines = append(lines, does(a.add(), "freebsd.jail.interface"))
	}
	return lines, nil
}

func (cr *creation) explainParents(ctx context.Context) ([]backends.Line, error) {
	if cr.settings.Parent == "" {
		return nil, nil
	}
	full, err := cr.full(ctx, cr.settings.Parent)
	var lines []backends.Line
	for _, f := range full {
		lines = append(lines, does(f.raise(), cr.settings.From["name"]))
	}
	return lines, err
}

// explainJail returns one line per parameter.
func (cr *creation) explainJail(ctx context.Context) ([]backends.Line, error) {
	parent, err := cr.parentOf(ctx, cr.settings.Parent)
	if err != nil {
		return nil, err
	}
	lines := []backends.Line{{Text: backends.CommandLine(tools.CreateJail(nil)...) + " …"}}
	for _, p := range cr.settings.params(cr.data.Jail, cr.data.path(), parent) {
		lines = append(lines, backends.Line{Text: "  " + backends.CommandLine(p.text), From: p.from})
	}
	return lines, nil
}

func (cr *creation) explainInterfaces(context.Context) ([]backends.Line, error) {
	var lines []backends.Line
	for i, name := range cr.settings.VnetInterfaces {
		lines = append(lines, does(tools.GiveInterface(name, cr.data.Jail), fmt.Sprintf("freebsd.jail.vnetInterfaces[%d]", i)))
	}
	return lines, nil
}

func (cr *creation) explainLimits(context.Context) ([]backends.Line, error) {
	var lines []backends.Line
	for _, l := range cr.limits {
		lines = append(lines, does(l.command(cr.data.Jail), "linux.resources."+limitFields[l.Resource]))
	}
	return lines, nil
}

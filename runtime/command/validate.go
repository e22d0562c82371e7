package command

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/spec"
)

var validateCommand = &cli.Command{
	Name:      "validate",
	Usage:     "check a bundle and show all its problems",
	ArgsUsage: "[bundle]",
	Description: `Check a bundle's config.json by the rules of the OCI Runtime Specification, 1.0.0 to
1.3.0 according to its ociVersion. Each problem is shown with its JSON path, what is
allowed, and the section of the specification. berth also checks that the root, the
sources of bind mounts and the hooks exist on this host. With --backend, it also shows
what that backend cannot honour. create applies the same rules.

The exit status is 1 if create would refuse the bundle. Warnings do not count.`,
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "backend", Usage: "check the bundle for backend `NAME`"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	},
	Action: func(c *cli.Context) error {
		dir, err := onlyBundle(c)
		if err != nil {
			return err
		}
		name := backendFlag(c)
		platform, b, err := platformOf(c, name)
		if err != nil {
			return err
		}
		bun, problems, err := runtime.Validate(dir, platform, b)
		if err != nil {
			return err
		}
		v := validation{Valid: problems.Err() == nil, Backend: name, Problems: []problem{}}
		if bun != nil {
			v.OCIVersion = bun.Spec.Version
		}
		for _, p := range problems {
			v.Problems = append(v.Problems, problem{p, p.URL()})
		}
		if err := v.print(c); err != nil {
			return err
		}
		if !v.Valid {
			return exitStatus(1)
		}
		return nil
	},
}

// onlyBundle returns the bundle that the only argument names, or the current directory.
func onlyBundle(c *cli.Context) (string, error) {
	switch c.NArg() {
	case 0:
		return ".", nil
	case 1:
		return c.Args().First(), nil
	}
	return "", fmt.Errorf("berth: %q requires at most 1 argument, the directory of a bundle", c.Command.Name)
}

// backendFlag returns --backend, from before or after the command's name.
func backendFlag(c *cli.Context) string {
	for _, context := range c.Lineage() {
		if name := context.String("backend"); name != "" {
			return name
		}
	}
	return ""
}

// jailName is the backend of FreeBSD. A bundle can be checked for it on every platform.
const jailName = "jail"

// platformOf returns the platform of a backend, and the backend if this build has it. Without a
// name it returns the platform of this build. A runtime that containers are delegated to is no
// backend here: it checks config.json itself.
func platformOf(c *cli.Context, name string) (platform string, b backends.Backend, err error) {
	platform = spec.Platform
	for _, m := range makers(newSettings(c)) {
		if m.Name == name {
			b, err = m.Make()
			return platform, b, err
		}
	}
	switch {
	case name == "", slices.Contains(delegateNames, name):
		return platform, nil, nil
	case name == jailName:
		return spec.FreeBSD, nil, nil
	}
	return "", nil, fmt.Errorf("backend %q: this build of berth has no such backend", name)
}

// validation is what the command prints.
type validation struct {
	Valid      bool      `json:"valid"`
	OCIVersion string    `json:"ociVersion,omitempty"`
	Backend    string    `json:"backend,omitempty"`
	Problems   []problem `json:"problems"`
}

type problem struct {
	spec.Problem
	URL string `json:"url,omitempty"`
}

func (v *validation) print(c *cli.Context) error {
	if c.Bool("json") {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "\t")
		return e.Encode(v)
	}
	for _, p := range v.Problems {
		line := fmt.Sprintf("%s: %s", p.Level, p.Problem)
		if p.Ref != "" {
			line += " [" + p.Ref + "]"
		}
		if _, err := fmt.Fprintln(c.App.Writer, line); err != nil {
			return err
		}
	}
	var errors, warnings int
	for _, p := range v.Problems {
		if p.Level == spec.Error {
			errors++
		} else {
			warnings++
		}
	}
	verdict := "valid"
	if !v.Valid {
		verdict = "not valid"
	}
	_, err := fmt.Fprintf(c.App.Writer, "%s: %s, %s\n", verdict, count(errors, "error"), count(warnings, "warning"))
	return err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

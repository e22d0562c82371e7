package process

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

const defaultUmask = 0o022

// BasicsOf takes the basics from process p of config.json, which package spec has checked. Errors
// name the JSON path of the bad value.
func BasicsOf(p *specs.Process) (*Basics, error) {
	if p == nil {
		return nil, spec.Fieldf("process", "must be set")
	}
	env, err := environment(p.Env)
	if err != nil {
		return nil, err
	}
	umask := uint32(defaultUmask)
	if p.User.Umask != nil {
		umask = *p.User.Umask & 0o777 // as umask(2)
	}
	return &Basics{
		Args: p.Args, Env: env, Cwd: p.Cwd,
		UID: p.User.UID, GID: p.User.GID, Groups: p.User.AdditionalGids, Umask: umask,
	}, nil
}

// environment refuses what is not NAME=VALUE, as runc does, and removes duplicates. The last value
// of a name counts and keeps its position. An empty HOME counts as unset.
func environment(list []string) ([]string, error) {
	seen := make(map[string]bool, len(list))
	env := make([]string, 0, len(list))
	for i, entry := range slices.Backward(list) {
		name, value, ok := strings.Cut(entry, "=")
		switch {
		case !ok:
			return nil, spec.Fieldf(fmt.Sprintf("process.env[%d]", i), "invalid environment variable: missing '='")
		case name == "":
			return nil, spec.Fieldf(fmt.Sprintf("process.env[%d]", i), "invalid environment variable: name cannot be empty")
		}
		last := !seen[name]
		seen[name] = true
		if !last || name == "HOME" && value == "" {
			continue
		}
		env = append(env, entry)
	}
	slices.Reverse(env)
	return env, nil
}

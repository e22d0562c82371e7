package process

import (
	"fmt"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

const defaultUmask = 0o022

// BasicsOf takes the basics from process p of config.json. Errors name the JSON path of the bad
// value.
func BasicsOf(p *specs.Process) (*Basics, error) {
	if p == nil {
		return nil, spec.Fieldf("process", "must be set")
	}
	a := &Basics{
		Args: p.Args, Cwd: p.Cwd, UID: p.User.UID, GID: p.User.GID, Groups: p.User.AdditionalGids, Umask: defaultUmask,
	}
	if p.User.Umask != nil {
		a.Umask = *p.User.Umask
	}
	if a.Umask > 0o777 {
		return nil, spec.Fieldf("process.user.umask", "%#o is more than 0777", a.Umask)
	}
	for _, step := range []func(p *specs.Process) error{a.takeArgs, a.takeEnv, a.takeCwd, a.takeIDs} {
		if err := step(p); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Basics) takeArgs(p *specs.Process) error {
	if len(p.Args) == 0 {
		return spec.Fieldf("process.args", "must not be empty")
	}
	for i, arg := range p.Args {
		if strings.IndexByte(arg, 0) >= 0 {
			return spec.Fieldf(fmt.Sprintf("process.args[%d]", i), "contains a NUL byte")
		}
	}
	return nil
}

// takeEnv checks the environment and removes duplicates. The last value of a name counts and keeps
// its position. An empty HOME counts as unset.
func (a *Basics) takeEnv(p *specs.Process) error {
	seen := make(map[string]bool, len(p.Env))
	env := make([]string, 0, len(p.Env))
	for i, entry := range slices.Backward(p.Env) {
		name, value, ok := strings.Cut(entry, "=")
		switch {
		case !ok:
			return spec.Fieldf(fmt.Sprintf("process.env[%d]", i), "invalid environment variable: missing '='")
		case name == "":
			return spec.Fieldf(fmt.Sprintf("process.env[%d]", i), "invalid environment variable: name cannot be empty")
		case strings.IndexByte(entry, 0) >= 0:
			return spec.Fieldf(fmt.Sprintf("process.env[%d]", i), "invalid environment variable %q: contains a NUL byte", name)
		}
		last := !seen[name]
		seen[name] = true
		if !last || name == "HOME" && value == "" {
			continue
		}
		env = append(env, entry)
	}
	slices.Reverse(env)
	a.Env = env
	return nil
}

func (a *Basics) takeCwd(p *specs.Process) error {
	switch {
	case p.Cwd == "":
		return spec.Fieldf("process.cwd", "must not be empty")
	case !path.IsAbs(p.Cwd):
		return spec.Fieldf("process.cwd", "%q is not an absolute path", p.Cwd)
	case strings.IndexByte(p.Cwd, 0) >= 0:
		return spec.Fieldf("process.cwd", "contains a NUL byte")
	}
	return nil
}

// noID is (uid_t)-1. setresuid(2) and chown(2) take it to mean "do not change".
const noID = 1<<32 - 1

func (a *Basics) takeIDs(p *specs.Process) error {
	switch {
	case a.UID == noID:
		return spec.Fieldf("process.user.uid", "%d is not a user ID", a.UID)
	case a.GID == noID:
		return spec.Fieldf("process.user.gid", "%d is not a group ID", a.GID)
	}
	for i, gid := range a.Groups {
		if gid == noID {
			return spec.Fieldf(fmt.Sprintf("process.user.additionalGids[%d]", i), "%d is not a group ID", gid)
		}
	}
	return nil
}

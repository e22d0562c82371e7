package process

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// FromSpec makes the attributes of process p in a container with spec s. s may be nil. Package spec
// has checked both. FromSpec looks at the host on which it runs: which capabilities and security
// modules its kernel has. The caller sets Seccomp, ListenFDs and Keyring.
//
// Errors name the JSON path of the bad value.
func FromSpec(p *specs.Process, s *specs.Spec) (*Attributes, error) {
	basics, err := BasicsOf(p)
	if err != nil {
		return nil, err
	}
	a := &Attributes{Basics: *basics, NoNewPrivileges: p.NoNewPrivileges}
	if s != nil && s.Linux != nil {
		for _, ns := range s.Linux.Namespaces {
			a.UserNamespace = a.UserNamespace || ns.Type == specs.UserNamespace
		}
	}
	for _, step := range []func(p *specs.Process, s *specs.Spec) error{
		a.takeCapabilities, a.takeLabels, a.takeLimits, a.takeSchedule, a.takePersonality, a.takeMemoryPolicy,
	} {
		if err := step(p, s); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// lookUp returns the kernel's value for a name in config.json. A name that spec takes and the table
// lacks must not become 0, which means something else.
func lookUp[K ~string, V any](table map[K]V, path string, name K) (V, error) {
	value, ok := table[name]
	if !ok {
		return value, spec.Fieldf(path, "unknown value %q", name)
	}
	return value, nil
}

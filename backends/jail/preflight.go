package jail

import (
	"context"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Preflight reports what Create would refuse in a valid config because of this host: its kernel
// settings, its devfs rulesets, the parent jail.
func (b *Backend) Preflight(s *specs.Spec) spec.Problems {
	ctx := context.Background()
	var ps spec.Problems
	say := func(level spec.Level, path, message string) {
		ps = append(ps, spec.Problem{Path: path, Level: level, Message: message})
	}
	settings, _ := settingsOf(s, nil)
	if _, err := b.parentOf(ctx, settings.Parent); err != nil {
		say(spec.Error, settings.From["name"], err.Error())
	}
	if l := noVnet(); l != nil && settings.Vnet == shareNew {
		say(spec.Error, settings.From["vnet"], l.what)
	}
	if l := noLimits(); l != nil && s.Linux != nil {
		limits, _ := limitsOf(s.Linux.Resources)
		for _, limit := range limits {
			say(spec.Error, "linux.resources."+limitFields[limit.Resource], l.what)
		}
	}
	mounts, _ := mountsOf(s, "/")
	for i := range mounts {
		m := &mounts[i]
		// Only root can see the rules.
		if os.Geteuid() == 0 {
			if err := b.hides(ctx, m); err != nil {
				say(spec.Error, m.Path, err.Error())
			}
		}
		if l := noLinux(); l != nil && (m.Kind == "linprocfs" || m.Kind == "linsysfs") {
			say(spec.Warning, m.Path, l.what+": Linux programs, for which this file system is, cannot run")
		}
	}
	return ps
}

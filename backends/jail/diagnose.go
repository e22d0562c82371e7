package jail

import (
	"context"
	"fmt"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/jail/tools"
)

var _ backends.Diagnoser = (*Backend)(nil)

// Examine looks at what jails need beyond the tools.
func (b *Backend) Diagnose(ctx context.Context) []backends.Finding {
	return []backends.Finding{b.diagnoseLimits(), b.diagnoseDevices(ctx), b.diagnoseNetwork(), b.diagnoseLinux()}
}

// lacks is what this kernel has not, and what to do about it.
type lacks struct{ what, advice string }

// noLimits says why there can be no limits; nil if there can be.
func noLimits() *lacks {
	switch value, ok := kernel.Setting("kern.racct.enable"); {
	case !ok:
		return &lacks{"the kernel has no kern.racct.enable: it was built without RACCT", "use a GENERIC kernel"}
	case value == 0:
		return &lacks{"kern.racct.enable is 0", "echo kern.racct.enable=1 >>/boot/loader.conf\nshutdown -r now"}
	}
	return nil
}

// noVnet says why a jail can have no network stack of its own.
func noVnet() *lacks {
	if value, ok := kernel.Setting("kern.features.vimage"); ok && value != 0 {
		return nil
	}
	return &lacks{"the kernel has no VIMAGE", "use a GENERIC kernel of FreeBSD 12 or later"}
}

// noLinux says why programs for Linux cannot run.
func noLinux() *lacks {
	if _, ok := kernel.Setting("compat.linux.default_openfiles"); ok {
		return nil
	}
	return &lacks{"linux64 is not loaded", "sysrc linux_enable=YES\nservice linux start"}
}

func (b *Backend) diagnoseLimits() backends.Finding {
	const check = "resource limits"
	if l := noLimits(); l != nil {
		return backends.Finding{Check: check, Verdict: backends.Warn,
			Looked: l.what + ": containers with limits are refused, and there are no statistics", Advice: l.advice}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "kern.racct.enable is 1"}
}

// jailRuleset is devfsrules_jail of /etc/defaults/devfs.rules, which engines name.
const jailRuleset = "4"

// examineDevices reads the ruleset that engines use: what a jail must not see has
// to be hidden, and what programs cannot do without to be shown.
func (b *Backend) diagnoseDevices(ctx context.Context) backends.Finding {
	f := backends.Finding{Check: "devfs ruleset " + jailRuleset, Verdict: backends.Fail,
		Advice: "sysrc devfs_load_rulesets=YES\nservice devfs restart"}
	rules, err := b.rules(ctx, jailRuleset, 0)
	if err != nil {
		f.Looked = err.Error()
		return f
	}
	if len(rules) == 0 {
		f.Looked = "it is empty: containers that use it are refused, for they would see all devices"
		return f
	}
	for _, d := range []string{"mem", "kmem", "io", "pci", "devctl", "ada0", "da0", "nda0", "nvme0", "vtbd0", "cd0", "pass0", "xpt0", "bpf", "pf", "console", "ttyv0"} {
		if shown(rules, d) {
			f.Looked = "it does not hide " + d + " from jails"
			return f
		}
	}
	for _, d := range []string{"null", "zero", "random", "urandom", "ptmx", "pts", "pts/0", "fd", "stdin"} {
		if !shown(rules, d) {
			f.Verdict, f.Looked = backends.Warn, "it does not show "+d
			return f
		}
	}
	f.Verdict, f.Looked, f.Advice = backends.Pass, fmt.Sprintf("%d rules: hides the host's devices, and shows what programs need", len(rules)), ""
	return f
}

// rules are those of a ruleset, with what it includes in its place.
func (b *Backend) rules(ctx context.Context, ruleset string, depth int) ([]deviceRule, error) {
	out, err := b.tools.Run(ctx, tools.ShowRules(ruleset))
	if err != nil || depth > 10 {
		return nil, err
	}
	var list []deviceRule
	for line := range strings.Lines(out) {
		r := parseDeviceRule(line)
		if r.include != "" {
			included, err := b.rules(ctx, r.include, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, included...)
		} else {
			list = append(list, r)
		}
	}
	return list, nil
}

func (b *Backend) diagnoseNetwork() backends.Finding {
	const check = "network stacks (vnet)"
	if l := noVnet(); l != nil {
		return backends.Finding{Check: check, Verdict: backends.Warn, Looked: l.what + ": a container with a network of its own is refused", Advice: l.advice}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "kern.features.vimage is 1"}
}

func (b *Backend) diagnoseLinux() backends.Finding {
	const check = "Linux programs"
	if l := noLinux(); l != nil {
		return backends.Finding{Check: check, Verdict: backends.Warn, Looked: l.what + ": images for Linux cannot run", Advice: "only if you want them:\n" + l.advice}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "linux64 is loaded"}
}

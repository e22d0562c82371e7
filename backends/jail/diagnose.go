package jail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/jail/tools"
)

var _ backends.Diagnoser = (*Backend)(nil)

// Diagnose checks what jails need beyond the tools: limits, the devfs ruleset, vnet and linux64.
func (b *Backend) Diagnose(ctx context.Context) []backends.Finding {
	return []backends.Finding{b.diagnoseLimits(), b.diagnoseDevices(ctx), b.diagnoseNetwork(), b.diagnoseLinux()}
}

// lacks is something that this kernel lacks, and advice on it.
type lacks struct{ what, advice string }

// noLimits returns why limits are impossible, or nil if they are possible.
func noLimits() *lacks {
	switch value, ok := kernel.Setting("kern.racct.enable"); {
	case !ok:
		return &lacks{"the kernel has no kern.racct.enable: it was built without RACCT", "use a GENERIC kernel"}
	case value == 0:
		return &lacks{"kern.racct.enable is 0", "echo kern.racct.enable=1 >>/boot/loader.conf\nshutdown -r now"}
	}
	return nil
}

// noVnet returns why a jail cannot have its own network stack, or nil if it can.
func noVnet() *lacks {
	if value, ok := kernel.Setting("kern.features.vimage"); ok && value != 0 {
		return nil
	}
	return &lacks{"the kernel has no VIMAGE", "use a GENERIC kernel of FreeBSD 12 or later"}
}

// noLinux returns why Linux programs cannot run, or nil if they can.
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
			Looked: l.what + ": berth refuses containers with limits, and has no statistics", Advice: l.advice}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "kern.racct.enable is 1"}
}

// jailRuleset is devfsrules_jail of /etc/defaults/devfs.rules, the ruleset that engines name.
const jailRuleset = "4"

// diagnoseDevices checks the ruleset that engines use. It must hide what a jail must not see, and
// show what programs need.
func (b *Backend) diagnoseDevices(ctx context.Context) backends.Finding {
	f := backends.Finding{Check: "devfs ruleset " + jailRuleset, Verdict: backends.Fail,
		Advice: "sysrc devfs_load_rulesets=YES\nservice devfs restart"}
	rules, err := b.rules(ctx, jailRuleset, ruleDepth())
	if err != nil {
		f.Looked = err.Error()
		if deep := (*deepInclude)(nil); errors.As(err, &deep) {
			f.Advice = fmt.Sprintf("put the rules of ruleset %s into the ruleset that includes it, or:\nsysctl vfs.devfs.rule_depth=%d", deep.ruleset, deep.depth+1)
		}
		return f
	}
	if len(rules) == 0 {
		f.Looked = "it is empty: berth refuses containers that use it, because they would see all devices"
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
	f.Verdict, f.Looked, f.Advice = backends.Pass, fmt.Sprintf("%d rules: they hide the host's devices and show those that programs need", len(rules)), ""
	return f
}

// deepInclude is the error of a ruleset whose include the kernel does not follow.
type deepInclude struct {
	ruleset string
	// depth is how deep the kernel follows.
	depth uint64
}

func (e *deepInclude) Error() string {
	return fmt.Sprintf("ruleset %s is included too deep, and the kernel skips its rules: vfs.devfs.rule_depth is %d", e.ruleset, e.depth)
}

// maxDepth is the depth of includes that berth follows, whatever the kernel does.
const maxDepth = 10

// ruleDepth returns how deep the kernel follows includes. Its default is 1 (sys/fs/devfs/devfs.c).
func ruleDepth() uint64 {
	if depth, ok := kernel.Setting("vfs.devfs.rule_depth"); ok {
		return min(depth, maxDepth)
	}
	return 1
}

// rules returns the rules of a ruleset. An include is replaced by the rules that it includes. left
// is how much deeper includes may go. An include below that is a *deepInclude.
func (b *Backend) rules(ctx context.Context, ruleset string, left uint64) ([]deviceRule, error) {
	out, err := b.tools.Run(ctx, tools.ShowRules(ruleset))
	if err != nil {
		return nil, err
	}
	var list []deviceRule
	for line := range strings.Lines(out) {
		r := parseDeviceRule(line)
		if r.include == "" {
			list = append(list, r)
			continue
		}
		if left == 0 {
			return nil, &deepInclude{r.include, ruleDepth()}
		}
		included, err := b.rules(ctx, r.include, left-1)
		if err != nil {
			return nil, err
		}
		list = append(list, r.over(included)...)
	}
	return list, nil
}

func (b *Backend) diagnoseNetwork() backends.Finding {
	const check = "network stacks (vnet)"
	if l := noVnet(); l != nil {
		return backends.Finding{Check: check, Verdict: backends.Warn, Looked: l.what + ": berth refuses containers with their own network stack", Advice: l.advice}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "kern.features.vimage is 1"}
}

func (b *Backend) diagnoseLinux() backends.Finding {
	const check = "Linux programs"
	if l := noLinux(); l != nil {
		return backends.Finding{Check: check, Verdict: backends.Warn, Looked: l.what + ": images for Linux cannot run", Advice: "only if you need them:\n" + l.advice}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "linux64 is loaded"}
}

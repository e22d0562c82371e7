package jail

import (
	"context"
	"fmt"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/jail/tools"
)

var _ backends.Examined = (*Backend)(nil)

// Examine looks at what jails need beyond the tools.
func (b *Backend) Examine(ctx context.Context) []backends.Finding {
	return []backends.Finding{b.examineLimits(), b.examineDevices(ctx), b.examineNetwork(), b.examineLinux()}
}

func (b *Backend) examineLimits() backends.Finding {
	const check = "resource limits"
	switch value, ok := kernel.Setting("kern.racct.enable"); {
	case !ok:
		return backends.Finding{Check: check, Verdict: backends.Warn, Looked: "the kernel has no kern.racct.enable: it was built without RACCT",
			Advice: "containers with limits are refused; use a GENERIC kernel"}
	case value == 0:
		return backends.Finding{Check: check, Verdict: backends.Warn, Looked: "kern.racct.enable is 0: containers with limits are refused, and there are no statistics",
			Advice: "echo kern.racct.enable=1 >>/boot/loader.conf\nshutdown -r now"}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "kern.racct.enable is 1"}
}

// jailRuleset is devfsrules_jail of /etc/defaults/devfs.rules, which engines name.
const jailRuleset = "4"

// examineDevices reads the ruleset that engines use. It must hide all first, and
// then show what programs cannot do without.
func (b *Backend) examineDevices(ctx context.Context) backends.Finding {
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
	if hides := rules[0]; strings.Contains(hides, "path") || !strings.HasSuffix(hides, " hide") {
		f.Looked = fmt.Sprintf("its first rule is %q, and does not hide all devices", hides)
		return f
	}
	for _, device := range []string{"null", "zero", "random", "urandom", "ptmx", "pts"} {
		if !shows(rules, device) {
			f.Verdict, f.Looked = backends.Warn, "it does not show "+device
			return f
		}
	}
	f.Verdict, f.Looked, f.Advice = backends.Pass, fmt.Sprintf("%d rules: hides all, and shows what programs need", len(rules)), ""
	return f
}

// rules are those of a ruleset, with what it includes in its place.
func (b *Backend) rules(ctx context.Context, ruleset string, depth int) ([]string, error) {
	out, err := b.tools.Run(ctx, tools.ShowRules(ruleset))
	if err != nil || depth > 10 {
		return nil, err
	}
	var list []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if _, other, ok := strings.Cut(line, " include "); ok {
			included, err := b.rules(ctx, other, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, included...)
		} else if line != "" {
			list = append(list, line)
		}
	}
	return list, nil
}

func shows(rules []string, device string) bool {
	for _, r := range rules {
		if strings.Contains(r, " path "+device+" ") && strings.Contains(r, " unhide") {
			return true
		}
	}
	return false
}

func (b *Backend) examineNetwork() backends.Finding {
	const check = "network stacks (vnet)"
	if value, ok := kernel.Setting("kern.features.vimage"); ok && value != 0 {
		return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "kern.features.vimage is 1"}
	}
	return backends.Finding{Check: check, Verdict: backends.Warn, Looked: "the kernel has no VIMAGE: a container with a network of its own is refused",
		Advice: "use a GENERIC kernel of FreeBSD 12 or later"}
}

func (b *Backend) examineLinux() backends.Finding {
	const check = "Linux programs"
	if _, ok := kernel.Setting("compat.linux.default_openfiles"); ok {
		return backends.Finding{Check: check, Verdict: backends.Pass, Looked: "linux64 is loaded"}
	}
	return backends.Finding{Check: check, Verdict: backends.Warn, Looked: "linux64 is not loaded: images for Linux cannot run",
		Advice: "only if you want them:\nsysrc linux_enable=YES\nservice linux start"}
}

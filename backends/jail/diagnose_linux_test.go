package jail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/spec"
)

// defaultRules are the rulesets of /etc/defaults/devfs.rules, as devfs(8) shows them.
var defaultRules = map[string]string{
	"1": "100 hide\n",
	"2": "100 path log unhide\n200 path null unhide\n300 path zero unhide\n400 path crypto unhide\n500 path random unhide\n600 path urandom unhide\n",
	"3": "100 path ptyp* unhide\n200 path pts unhide\n300 path pts/* unhide\n400 path fd unhide\n500 path fd/* unhide\n600 path stdin unhide\n700 path ptmx unhide\n",
	"4": "100 include 1\n200 include 2\n300 include 3\n400 path fuse unhide\n500 path zfs unhide\n",
}

// kernelWith gives the kernel settings. "" is a setting that it does not have.
func kernelWith(t *testing.T, settings map[string]string) {
	t.Helper()
	for _, name := range []string{"kern.racct.enable", "kern.features.vimage", "compat.linux.default_openfiles", "vfs.devfs.rule_depth"} {
		t.Setenv("BERTH_JAIL_SYSCTL_"+name, settings[name])
	}
}

func TestDiagnoseDevices(t *testing.T) {
	for name, c := range map[string]struct {
		rules   map[string]string // beside the default ones
		depth   string            // vfs.devfs.rule_depth
		tool    string            // rules of the tool
		verdict backends.Verdict
		looked  string
		advice  string
	}{
		"the defaults":      {verdict: backends.Pass, looked: "16 rules: "},
		"not loaded":        {rules: map[string]string{"4": ""}, verdict: backends.Fail, looked: "it is empty: ", advice: "devfs_load_rulesets"},
		"nothing hidden":    {rules: map[string]string{"1": ""}, verdict: backends.Fail, looked: "it does not hide mem", advice: "devfs_load_rulesets"},
		"a disk shown":      {rules: map[string]string{"4": "100 include 1\n200 include 2\n300 include 3\n400 path da* unhide\n"}, verdict: backends.Fail, looked: "it does not hide da0"},
		"null hidden":       {rules: map[string]string{"2": "100 path zero unhide\n"}, verdict: backends.Warn, looked: "it does not show null"},
		"hidden for one":    {rules: map[string]string{"4": "100 path mem include 1\n200 include 2\n300 include 3\n"}, verdict: backends.Fail, looked: "it does not hide mem"},
		"hidden for a type": {rules: map[string]string{"4": "100 type mem include 1\n200 include 2\n300 include 3\n"}, verdict: backends.Fail, looked: "it does not hide mem"},
		"too deep": {rules: map[string]string{"4": "100 include 5\n200 include 2\n300 include 3\n", "5": "100 include 1\n"}, verdict: backends.Fail,
			looked: "ruleset 1 is included too deep, and the kernel skips its rules: vfs.devfs.rule_depth is 1",
			advice: "put the rules of ruleset 1 into the ruleset that includes it, or:\nsysctl vfs.devfs.rule_depth=2"},
		"deep enough": {rules: map[string]string{"4": "100 include 5\n200 include 2\n300 include 3\n", "5": "100 include 1\n"}, depth: "2", verdict: backends.Pass, looked: "14 rules: "},
		"no depth at all": {depth: "0", verdict: backends.Fail, looked: "ruleset 1 is included too deep, and the kernel skips its rules: vfs.devfs.rule_depth is 0",
			advice: "sysctl vfs.devfs.rule_depth=1"},
		"a loop": {rules: map[string]string{"4": "100 include 4\n"}, depth: "4000000000", verdict: backends.Fail,
			looked: "ruleset 4 is included too deep, and the kernel skips its rules: vfs.devfs.rule_depth is 10"},
		"devfs fails": {tool: `case "$line" in devfs*" 3 show") no "out of order";; esac`, verdict: backends.Fail, looked: "devfs rule -s 3 show: devfs: out of order", advice: "devfs_load_rulesets"},
	} {
		t.Run(name, func(t *testing.T) {
			kernelWith(t, map[string]string{"vfs.devfs.rule_depth": c.depth})
			h := newFake(t)
			for number, text := range defaultRules {
				if other, ok := c.rules[number]; ok {
					text = other
				}
				h.write("state/ruleset."+number, text)
			}
			h.write("state/ruleset.5", c.rules["5"])
			if c.tool != "" {
				h.write("rules", c.tool)
			}
			f := h.backend.diagnoseDevices(context.Background())
			if f.Check != "devfs ruleset 4" || f.Verdict != c.verdict || !strings.HasPrefix(f.Looked, c.looked) || !strings.Contains(f.Advice, c.advice) || (f.Advice == "") != (c.verdict == backends.Pass) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestDiagnoseKernel checks what is said about kernels, here and by preflight.
func TestDiagnoseKernel(t *testing.T) {
	h := newFake(t)
	for number, text := range defaultRules {
		h.write("state/ruleset."+number, text)
	}
	_, s := h.container(`"linux":{"resources":{"pids":{"limit":5}}},"freebsd":{"jail":{"parent":"pod","vnet":"new"}},
		"mounts":[{"destination":"/dev","type":"devfs","options":["ruleset=4"]},{"destination":"/proc","type":"linprocfs"},{"destination":"/x","type":"devfs","options":["ruleset=9"]}]`)
	for _, c := range []struct {
		settings map[string]string
		parent   bool
		verdicts string
		problems []string
	}{
		{map[string]string{"kern.racct.enable": "1", "kern.features.vimage": "1", "compat.linux.default_openfiles": "9"}, true,
			"[pass pass pass pass]", []string{"mounts[2] error"}},
		{map[string]string{"kern.racct.enable": "0", "kern.features.vimage": "0"}, true,
			"[warn pass warn warn]", []string{"freebsd.jail.vnet error", "linux.resources.pids.limit error", "mounts[1] warning", "mounts[2] error"}},
		{nil, false,
			"[warn pass warn warn]", []string{"freebsd.jail.parent error", "freebsd.jail.vnet error", "linux.resources.pids.limit error", "mounts[1] warning", "mounts[2] error"}},
	} {
		kernelWith(t, c.settings)
		_ = os.Remove(filepath.Join(h.dir, "state/children.pod"))
		if c.parent {
			h.write("state/children.pod", "0 0\n")
		}
		var verdicts []string
		for _, f := range h.backend.Diagnose(context.Background()) {
			verdicts = append(verdicts, string(f.Verdict))
			if f.Looked == "" || (f.Advice == "") != (f.Verdict == backends.Pass) {
				t.Errorf("%v: %+v", c.settings, f)
			}
		}
		if fmt.Sprint(verdicts) != c.verdicts {
			t.Errorf("%v: %v, want %s", c.settings, verdicts, c.verdicts)
		}
		var problems []string
		for _, p := range h.backend.Preflight(s) {
			level := "error"
			if p.Level == spec.Warning {
				level = "warning"
			}
			problems = append(problems, p.Path+" "+level)
		}
		slices.Sort(problems)
		if !slices.Equal(problems, c.problems) {
			t.Errorf("%v: %q, want %q", c.settings, problems, c.problems)
		}
	}
}

// TestUsable checks that a missing tool is named.
func TestUsable(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	if err := h.backend.Usable(); err != nil {
		t.Error(err)
	}
	list, err := h.backend.Versions()
	if err != nil || len(list) != len(needed) || list[1].Name != "jls" || list[1].Path != filepath.Join(h.dir, "bin/jls") {
		t.Errorf("%v, %v", list, err)
	}
	if err := os.Chmod(filepath.Join(h.dir, "bin/umount"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := h.backend.Usable(); err == nil || !strings.HasPrefix(err.Error(), "umount is missing on this host (looked in ") {
		t.Errorf("no umount: %v", err)
	}
	if list, err := h.backend.Versions(); err == nil || len(list) != 3 {
		t.Errorf("%v, %v", list, err)
	}
}

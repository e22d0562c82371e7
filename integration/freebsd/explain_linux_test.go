//go:build linux && testhost

package freebsd

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/integration/freebsd/host"
)

// TestExplain checks that create calls exactly the command lines that explain shows, and that
// explain changes nothing itself.
func TestExplain(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(b *box){
		"plain": func(*box) {}, "rich": (*box).rich,
		"shared": func(b *box) {
			b.shared()
			b.config.Mounts = b.config.Mounts[:1] // a copy shows only during create
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			config(b)
			b.config.Process.Args = []string{"/bin/sleep", "1000"}
			b.bundle()
			before := b.sh("find " + b.dir + " | sort")
			explained := b.explained()
			b.wantCalls()
			if after := b.sh("find " + b.dir + " ! -name 'out*' ! -path '*/host/*' | sort"); !within(after, before) {
				t.Errorf("explain has left %s", after)
			}
			b.create()
			b.wantCalls(explained...)
			b.berth("delete", "--force", b.id)
			b.wait(b.pid())
			b.removeParents()
			b.wantNoTraces()
		})
	}
}

// explained returns the command lines that explain shows.
func (b *box) explained() []string {
	b.Helper()
	var list []string
	for _, s := range b.explain() {
		for _, l := range s.Lines {
			word, _, _ := strings.Cut(l.Text, " ")
			switch {
			case strings.HasPrefix(l.Text, "  "):
				list[len(list)-1] += l.Text[1:]
			case slices.Contains([]string{"jail", "mount", "devfs", "ifconfig", "rctl"}, word):
				list = append(list, strings.TrimSuffix(l.Text, " …"))
			}
		}
	}
	for i := range list {
		list[i] = strings.NewReplacer(b.dir, "BOX", b.id, "ID").Replace(list[i])
	}
	return list
}

func (b *box) explain() backends.Explanation {
	b.Helper()
	var x struct{ Sections backends.Explanation }
	b.must(json.Unmarshal([]byte(b.berth("explain", "--json", "--id", b.id, b.file("bundle"))), &x))
	return x.Sections
}

// within returns true if each line of text is also in other.
func within(text, other string) bool {
	lines := slices.Collect(strings.Lines(other))
	for line := range strings.Lines(text) {
		if !slices.Contains(lines, line) {
			return false
		}
	}
	return true
}

// TestExplainedFields checks the field that each line comes from.
func TestExplainedFields(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.rich()
	b.config.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/hook", Args: []string{"hook", "x"}}}}
	b.config.Annotations = map[string]string{"org.freebsd.jail.allow.mlock": "1"}
	b.host(func(h *host.Host) { h.Jails["net"].Params["allow.mlock"] = "true" })
	b.bundle()
	from := map[string]string{}
	for _, s := range b.explain() {
		for _, l := range s.Lines {
			from[strings.NewReplacer(b.dir, "BOX", b.id, "ID").Replace(l.Text)] = l.From
		}
	}
	for text, want := range map[string]string{
		made[0]:                            "root.readonly",
		made[2]:                            "mounts[0]",
		made[3]:                            "mounts[0].options[1]",
		made[5]:                            "freebsd.devices[0]",
		made[7]:                            "mounts[2]",
		"jail -m name=net children.max=1":  "freebsd.jail.parent",
		"  name=net.ID":                    "freebsd.jail.parent",
		"  host.hostname=box":              "hostname",
		"  vnet=new":                       "freebsd.jail.vnet",
		"  sysvmsg=new":                    "",
		"  enforce_statfs=1":               "freebsd.jail.enforceStatfs",
		"  allow.mlock":                    `annotations["org.freebsd.jail.allow.mlock"]`,
		"  allow.raw_sockets":              "freebsd.jail.allow.rawSockets",
		"ifconfig epair1b vnet net.ID":     "freebsd.jail.vnetInterfaces[1]",
		"rctl -a jail:net.ID:pcpu:deny=50": "linux.resources.cpu.quota",
		"/bin/hook x":                      "hooks.createRuntime[0]",
	} {
		if got, ok := from[text]; !ok || got != want {
			t.Errorf("%s: from %q (%v), not %q", text, got, ok, want)
		}
	}
	if _, err := os.Stat(b.file("state/" + b.id)); err == nil {
		t.Error("the container was made")
	}
}

// TestForeseen checks that validate reports, with its field, what create would refuse on this host.
func TestForeseen(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.rich()
	b.config.Mounts = append(b.config.Mounts, specs.Mount{Destination: "/compat/linux/proc", Type: "linprocfs"})
	b.bundle()
	healthy := []string{
		"BERTH_JAIL_SYSCTL_kern.racct.enable=1", "BERTH_JAIL_SYSCTL_kern.features.vimage=1", "BERTH_JAIL_SYSCTL_compat.linux.default_openfiles=1024",
	}
	b.extra = healthy
	if out, err := b.try("validate", b.file("bundle")); err != nil || strings.Contains(out, "linux64") {
		t.Errorf("%v: %s", err, out)
	}
	b.extra = []string{"BERTH_JAIL_SYSCTL_kern.racct.enable=0"}
	b.host(func(h *host.Host) {
		h.Rulesets["4"] = nil
		delete(h.Jails, "net")
	})
	out, err := b.try("validate", b.file("bundle"))
	if err == nil {
		t.Error("nothing is wrong")
	}
	for _, words := range []string{
		"linux.resources.memory.limit", "linux.resources.pids.limit", "linux.resources.cpu.quota", "kern.racct.enable is 0",
		"freebsd.jail.vnet", "the kernel has no VIMAGE", "devfs ruleset 4 is empty", "freebsd.jail.parent", "no such jail",
		"mounts[5]", "linux64 is not loaded",
	} {
		if !strings.Contains(out, words) {
			t.Errorf("%q is not in %s", words, out)
		}
	}
}

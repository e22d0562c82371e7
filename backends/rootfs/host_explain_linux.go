package rootfs

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// Explain lists, in order, what berth does with a config's root, mounts, devices, sysctls, and
// masked and read-only paths. This is the plan of [Open], made without looking at the host. An
// error names the JSON path of the field that is wrong.
func Explain(s *specs.Spec, bundle string) (backends.Explanation, error) {
	bundle, err := filepath.Abs(bundle)
	if err != nil {
		return nil, fmt.Errorf("bundle %q: %w", bundle, err)
	}
	h := host{spec: s, bundle: bundle, userns: hasUserNamespace(s)}
	var x backends.Explanation
	x.Add("root", h.explainRoot()...)
	var lines []backends.Line
	for i := range s.Mounts {
		lines = append(lines, backends.Line{Text: h.explainMount(i), From: fmt.Sprintf("mounts[%d]", i)})
	}
	x.Add("mounts", lines...)
	if err := h.planDevices(); err != nil {
		return nil, err
	}
	x.Add("devices", h.explainDevices()...)
	if s.Linux == nil {
		return x, nil
	}
	if h.plan.Sysctls, err = planSysctls(s, nil); err != nil {
		return nil, err
	}
	lines = nil
	for _, p := range slices.Sorted(maps.Keys(h.plan.Sysctls)) {
		lines = append(lines, backends.Line{Text: fmt.Sprintf("/proc/sys/%s = %q", p, h.plan.Sysctls[p]), From: "linux.sysctl"})
	}
	x.Add("sysctls", lines...)
	x.Add("masked paths", paths("linux.maskedPaths", s.Linux.MaskedPaths)...)
	x.Add("read-only paths", paths("linux.readonlyPaths", s.Linux.ReadonlyPaths)...)
	return x, nil
}

func (h *host) explainRoot() []backends.Line {
	how := "%q becomes /, by pivot_root"
	if SharedMountNamespace(h.spec) {
		how = "%q is mounted on itself until delete, and becomes /, by chroot"
	}
	lines := []backends.Line{{Text: fmt.Sprintf(how, h.abs(h.spec.Root.Path)), From: "root.path"}}
	if h.spec.Root.Readonly {
		lines = append(lines, backends.Line{Text: "read-only, after all mounts are made", From: "root.readonly"})
	}
	if l := h.spec.Linux; l != nil && l.RootfsPropagation != "" {
		lines = append(lines, backends.Line{Text: "propagation " + l.RootfsPropagation, From: "linux.rootfsPropagation"})
	}
	return lines
}

func (h *host) explainMount(i int) string {
	m := &h.spec.Mounts[i]
	plan, o := h.planMount(i)
	var how string
	switch {
	case plan.Inside != nil:
		how = fmt.Sprintf("bind of %q in the root, after the mounts above", plan.Inside.Path)
	case isBind(m, o):
		how = fmt.Sprintf("bind of %q", plan.Source)
	case plan.Type == "cgroup2" && !hasNamespace(h.spec, specs.CgroupNamespace):
		how = "bind of the host's " + cgroupRoot
	case plan.Type == "cgroup2":
		how = "new cgroup2"
	case h.hostMade(m):
		how = fmt.Sprintf("new %s from %q, made on the host", plan.Type, plan.Source)
	default:
		how = "new " + plan.Type
	}
	text := fmt.Sprintf("%q: %s", plan.Destination, how)
	if len(m.Options) > 0 {
		text += " (" + strings.Join(m.Options, ",") + ")"
	}
	if plan.LateRO {
		text += ", read-only after all mounts are made"
	}
	return text
}

func (h *host) explainDevices() []backends.Line {
	var lines []backends.Line
	if !h.plan.SetupDev {
		return nil
	}
	for i := range h.plan.Devices {
		d := &h.plan.Devices[i]
		line := backends.Line{Text: fmt.Sprintf("%q: %s %d:%d, mode %04o, owner %d:%d", d.Path, kinds[d.Mode&unix.S_IFMT], d.Major, d.Minor, d.Mode&0o7777, d.UID, d.GID)}
		if isType(d.Mode, unix.S_IFIFO) {
			line.Text = fmt.Sprintf("%q: FIFO, mode %04o, owner %d:%d", d.Path, d.Mode&0o7777, d.UID, d.GID)
		} else if h.userns {
			line.Text += ", bind of the host's device node"
		}
		if h.spec.Linux != nil {
			for n := range h.spec.Linux.Devices {
				if h.spec.Linux.Devices[n].Path == d.Path {
					line.From = fmt.Sprintf("linux.devices[%d]", n)
				}
			}
		}
		lines = append(lines, line)
	}
	return lines
}

var kinds = map[uint32]string{unix.S_IFCHR: "character device", unix.S_IFBLK: "block device"}

func paths(from string, list []string) []backends.Line {
	var lines []backends.Line
	for i, p := range list {
		lines = append(lines, backends.Line{Text: fmt.Sprintf("%q", p), From: fmt.Sprintf("%s[%d]", from, i)})
	}
	return lines
}

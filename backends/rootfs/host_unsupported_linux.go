package rootfs

import (
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// Refusal is a field of the config that this package cannot honour.
type Refusal struct {
	Path   string // JSON path of the field, such as mounts[3].options
	Reason string
}

// Unsupported returns the config's fields that this package cannot honour or that make no sense.
// [Open] fails with the first one.
func Unsupported(s *specs.Spec) []Refusal {
	var list []Refusal
	add := func(reason, path string, args ...any) {
		list = append(list, Refusal{Path: fmt.Sprintf(path, args...), Reason: reason})
	}
	if s.Root == nil || s.Root.Path == "" {
		add("is required", "root.path")
	}
	for i := range s.Mounts {
		unsupportedMount(&s.Mounts[i], func(reason, field string) { add(reason, "mounts[%d].%s", i, field) })
	}
	if s.Linux == nil {
		return list
	}
	if SharedMountNamespace(s) && hasNamespace(s, specs.UserNamespace) {
		add("a user namespace requires a mount namespace of the container's own: it cannot mount in any other", "linux.namespaces")
	}
	if p := s.Linux.RootfsPropagation; p != "" && propagations[p] == 0 {
		add(fmt.Sprintf("%q is not a valid mount propagation", p), "linux.rootfsPropagation")
	}
	if s.Linux.MountLabel != "" && !process.HasSELinux() {
		add("the kernel has no SELinux", "linux.mountLabel")
	}
	for i, d := range s.Linux.Devices {
		if d.Path == "" || strings.ContainsRune(d.Path, 0) {
			add("is not a valid path", "linux.devices[%d].path", i)
		}
	}
	return list
}

func unsupportedMount(m *specs.Mount, add func(reason, field string)) {
	for _, f := range []struct{ name, value string }{
		{"destination", m.Destination}, {"source", m.Source}, {"type", m.Type}, {"options", strings.Join(m.Options, ",")},
	} {
		if strings.ContainsRune(f.value, 0) {
			add("must not contain a NUL byte", f.name)
		}
	}
	o := parseOptions(m.Options)
	bind := isBind(m, o)
	switch {
	case m.Destination == "":
		add("is required", "destination")
	case bind && m.Source == "":
		add("is required for a bind mount", "source")
	case !bind && m.Type == "":
		add("is required unless the mount is a bind mount", "type")
	}
	if o.flags&unix.MS_REMOUNT != 0 && !bind {
		add(`"remount" is supported only for a mount that the config makes`, "options")
	}
	if bind && len(o.data) > 0 {
		add(fmt.Sprintf("bind mounts cannot have any filesystem-specific options applied: %q", o.data[0]), "options")
	}
	if isIDMapped(m, o) && !bind {
		add("id-mapped mounts are only supported for bind-mounts", "options")
	}
	if o.copyUp && m.Type != "tmpfs" {
		add(`"tmpcopyup" is supported only for tmpfs`, "options")
	}
}

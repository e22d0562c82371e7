//go:build linux && integration

package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// config is a trial's configuration while it is being made.
type config struct {
	*specs.Spec
	t *testing.T
	// dir is the bundle. host is a directory beside it for the sources of bind mounts.
	dir, host string
	// set replaces or adds values by their JSON path, if the types of specs cannot express them. A
	// nil value removes the field.
	set map[string]any
}

func ptr[T any](v T) *T { return &v }

// newConfig returns the configuration that every trial starts from: a container as an engine makes
// it by default.
func newConfig(t *testing.T, dir, host, id string) *config {
	caps := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"}
	return &config{t: t, dir: dir, host: host, set: map[string]any{}, Spec: &specs.Spec{
		Version: "1.3.0",
		Process: &specs.Process{
			Args: []string{"/probe"}, Cwd: "/", NoNewPrivileges: true,
			Env:          []string{"PATH=/bin", "TERM=xterm"},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 512, Hard: 1024}},
		},
		Root:     &specs.Root{Path: "rootfs"},
		Hostname: "trial",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/conformance/" + id,
			Namespaces: []specs.LinuxNamespace{
				{Type: "pid"}, {Type: "network"}, {Type: "ipc"}, {Type: "uts"}, {Type: "mount"}, {Type: "cgroup"},
			},
			MaskedPaths:   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/acpi", "/sys/firmware", "/nosuch"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/nosuch"},
		},
	}}
}

// must ends the test on an error in its own preparations.
func (c *config) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// look makes the probe look at paths.
func (c *config) look(paths ...string) {
	c.Process.Args = append(c.Process.Args, paths...)
}

func (c *config) mount(destination, kind, source string, options ...string) {
	c.Mounts = append(c.Mounts, specs.Mount{Destination: destination, Type: kind, Source: source, Options: options})
	c.look(destination)
}

// file creates a file on the host that contains its name, and returns its path.
func (c *config) file(name string) string {
	path := filepath.Join(c.host, name)
	c.must(os.MkdirAll(filepath.Dir(path), 0o755))
	c.must(os.WriteFile(path, []byte(name+"\n"), 0o644))
	return path
}

// inRoot creates a file in the container's root that contains its name, and returns its path on the
// host.
func (c *config) inRoot(name string) string {
	path := filepath.Join(c.dir, "rootfs", name)
	c.must(os.MkdirAll(filepath.Dir(path), 0o755))
	c.must(os.WriteFile(path, []byte(name+"\n"), 0o644))
	return path
}

func (c *config) linkInRoot(target, name string) {
	path := filepath.Join(c.dir, "rootfs", name)
	c.must(os.MkdirAll(filepath.Dir(path), 0o755))
	c.must(os.Symlink(target, path))
}

// without removes namespaces from the configuration.
func (c *config) without(kinds ...specs.LinuxNamespaceType) {
	c.Linux.Namespaces = slices.DeleteFunc(c.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return slices.Contains(kinds, n.Type) })
	if slices.Contains(kinds, "uts") {
		c.Hostname = ""
	}
}

// userNamespace gives the container its own user namespace, whose ids begin at the host id base.
// The files of the container's root then belong to base.
func (c *config) userNamespace(base uint32) {
	c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
	c.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: base, Size: 65536}}
	c.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: base, Size: 65536}}
	c.must(filepath.WalkDir(filepath.Join(c.dir, "rootfs"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.Name() == "probe" || e.Name() == "busybox" {
			return err // the hard links of these two are shared by all trials
		}
		return os.Lchown(path, int(base), int(base))
	}))
}

// encode returns the config.json.
func (c *config) encode() []byte {
	c.t.Helper()
	data, err := json.Marshal(c.Spec)
	c.must(err)
	if len(c.set) == 0 {
		return data
	}
	var tree map[string]any
	c.must(json.Unmarshal(data, &tree))
	for path, value := range c.set {
		at := tree
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		if value == nil {
			delete(at, names[len(names)-1])
		} else {
			at[names[len(names)-1]] = value
		}
	}
	data, err = json.Marshal(tree)
	c.must(err)
	return data
}

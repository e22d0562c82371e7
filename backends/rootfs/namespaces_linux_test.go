package rootfs

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestNamespacesByDescriptor checks that the open and checked namespace is used, even if its path
// leads elsewhere by now.
func TestNamespacesByDescriptor(t *testing.T) {
	t.Parallel()
	open := func(name string) *os.File {
		f, err := os.Open("/proc/thread-self/ns/" + name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	spec := func(path string) *specs.Spec {
		return &specs.Spec{Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: path}, {Type: specs.UserNamespace, Path: path}},
			Sysctl:     map[string]string{"net.core.somaxconn": "1"},
		}}
	}
	if _, err := planSysctls(spec("/nowhere"), Namespaces{specs.NetworkNamespace: open("net")}); err == nil || !strings.Contains(err.Error(), "the host's network namespace") {
		t.Errorf("the host's, by another path: %v", err)
	}
	if _, err := planSysctls(spec("/proc/thread-self/ns/net"), Namespaces{specs.NetworkNamespace: open("uts")}); err != nil {
		t.Errorf("another one, by the host's path: %v", err)
	}
	user := open("user")
	h := host{spec: spec("/nowhere"), namespaces: Namespaces{specs.UserNamespace: user}}
	ns, err := h.idmapNamespace(&specs.Mount{})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	got, err1 := ns.Stat()
	want, err2 := user.Stat()
	if err1 != nil || err2 != nil || !os.SameFile(got, want) || ns.Fd() == user.Fd() {
		t.Errorf("id mapping: %v, %v, %v", ns.Name(), err1, err2)
	}
}

// TestCheckHost checks that a namespaced setting is refused if the namespace is the host's,
// whatever path names it.
func TestCheckHost(t *testing.T) {
	t.Parallel()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind         specs.LinuxNamespaceType
		proc, sysctl string
		hostname     string
		refused      bool
	}{
		{specs.NetworkNamespace, "net", "net.core.somaxconn", "", true},
		{specs.IPCNamespace, "ipc", "kernel.shmmax", "", true},
		{specs.IPCNamespace, "ipc", "fs.mqueue.msg_max", "", true},
		{specs.UTSNamespace, "uts", "kernel.domainname", "", true},
		{specs.UserNamespace, "user", "user.max_mnt_namespaces", "", true},
		{specs.UTSNamespace, "uts", "", "another", true},
		{specs.UTSNamespace, "uts", "", name, false},
		{specs.UTSNamespace, "uts", "", "", false},
	} {
		s := &specs.Spec{Hostname: c.hostname, Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: c.kind, Path: "/proc/self/ns/" + c.proc}}}}
		if c.sysctl != "" {
			s.Linux.Sysctl = map[string]string{c.sysctl: "1"}
		}
		if err := CheckHost(s); (err != nil) != c.refused {
			t.Errorf("%+v: %v", c, err)
		}
		s.Linux.Namespaces[0].Path = ""
		if err := CheckHost(s); err != nil {
			t.Errorf("%+v in a new one: %v", c, err)
		}
	}
}

// TestOwnCgroupMount checks that a cgroup2 mount in the container's own cgroup namespace opens
// nothing on the host.
func TestOwnCgroupMount(t *testing.T) {
	t.Parallel()
	for _, userns := range []bool{false, true} {
		h := host{spec: &specs.Spec{Mounts: []specs.Mount{{Destination: "/sys/fs/cgroup", Type: "cgroup"}}}, userns: userns}
		plan, err := h.openMount(0)
		if err != nil || len(h.files) != 0 || plan.Tree != None {
			t.Errorf("user namespace %v: %+v, %d files, %v", userns, plan, len(h.files), err)
		}
	}
}

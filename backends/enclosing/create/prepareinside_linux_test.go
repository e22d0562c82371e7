package create

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
)

func jobIn(namespaces ...specs.LinuxNamespace) *enclosure.Job {
	s := &specs.Spec{Process: &specs.Process{Args: []string{"true"}, Cwd: "/"}, Linux: &specs.Linux{Namespaces: namespaces}}
	j := enclosure.NewJob(&backends.Container{ID: "a"}, s, nil, nil)
	j.Joined = namespace.Opened{}
	return j
}

// The init process enters the stub init's namespaces, and no other.
func TestJoined(t *testing.T) {
	t.Parallel()
	named := func(t specs.LinuxNamespaceType) specs.LinuxNamespace {
		return specs.LinuxNamespace{Type: t, Path: "/x"}
	}
	own := func(t specs.LinuxNamespaceType) specs.LinuxNamespace { return specs.LinuxNamespace{Type: t} }
	mount := own(specs.MountNamespace)
	const all = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	for name, c := range map[string]struct {
		job      *enclosure.Job
		before   []specs.LinuxNamespaceType // the fork
		flags    int
		loopback bool
	}{
		"all new":                      {jobIn(mount, own(specs.NetworkNamespace), own(specs.IPCNamespace), own(specs.UTSNamespace), own(specs.CgroupNamespace), own(specs.PIDNamespace), own(specs.UserNamespace)), nil, all, true},
		"a mount namespace alone":      {jobIn(mount), nil, unix.CLONE_NEWNS, false},
		"nothing of its own":           {jobIn(), nil, 0, false},
		"one by path, which LXC joins": {jobIn(mount, named(specs.NetworkNamespace), named(specs.UTSNamespace)), nil, unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS, false},
		"one joined before the fork":   {jobIn(mount, own(specs.UserNamespace), named(specs.NetworkNamespace)), []specs.LinuxNamespaceType{specs.NetworkNamespace}, unix.CLONE_NEWNS, false},
		"a cgroup namespace by path":   {jobIn(mount, named(specs.CgroupNamespace)), nil, unix.CLONE_NEWNS, false},
		"a shared mount namespace":     {jobIn(named(specs.MountNamespace), own(specs.NetworkNamespace)), nil, unix.CLONE_NEWNET, true},
	} {
		c.job.Data.JoinedBeforeFork = c.before
		if flags, loopback := joined(c.job); flags != c.flags || loopback != c.loopback {
			t.Errorf("%s: %#x, %v, want %#x, %v", name, flags, loopback, c.flags, c.loopback)
		}
	}
}

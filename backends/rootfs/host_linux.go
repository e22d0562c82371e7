package rootfs

import (
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Namespaces are those that a config names by their paths, open. Of one that is not there the path is looked at.
type Namespaces map[specs.LinuxNamespaceType]*os.File

// procNames are what /proc/PID/ns calls the namespaces (namespaces(7)).
var procNames = map[specs.LinuxNamespaceType]string{
	specs.IPCNamespace: "ipc", specs.NetworkNamespace: "net", specs.UTSNamespace: "uts", specs.UserNamespace: "user",
}

// isHost tells whether the container has a namespace of that type that we are in, or the host's first process.
func (n Namespaces) isHost(s *specs.Spec, typ specs.LinuxNamespaceType) (bool, error) {
	path, kind := spec.Namespace(s, typ)
	if kind != spec.Path {
		return kind == spec.Host, nil
	}
	var theirs os.FileInfo
	var err error
	if f := n[typ]; f != nil {
		theirs, err = f.Stat()
	} else {
		theirs, err = os.Stat(path)
	}
	if err != nil {
		return false, err
	}
	ours, err := os.Stat("/proc/thread-self/ns/" + procNames[typ])
	if err != nil {
		return false, err
	}
	first, err := os.Stat("/proc/1/ns/" + procNames[typ])
	return os.SameFile(ours, theirs) || err == nil && os.SameFile(first, theirs), nil
}

// CheckHost refuses a config that would change the host through a namespace that it names by a path, and which is the
// host's: by a sysctl, or by the name of the host.
func CheckHost(s *specs.Spec) error {
	if s.Linux == nil {
		return nil
	}
	if _, err := planSysctls(s, nil); err != nil {
		return err
	}
	return checkNames(s, nil)
}

// checkNames refuses another hostname or domainname than the host's in its UTS namespace.
func checkNames(s *specs.Spec, open Namespaces) error {
	if _, kind := spec.Namespace(s, specs.UTSNamespace); kind != spec.Path || s.Hostname == "" && s.Domainname == "" {
		return nil
	}
	if host, err := open.isHost(s, specs.UTSNamespace); err != nil || !host {
		return err
	}
	for _, name := range []struct{ field, value, file string }{
		{"hostname", s.Hostname, "/proc/sys/kernel/hostname"}, {"domainname", s.Domainname, "/proc/sys/kernel/domainname"},
	} {
		is, err := os.ReadFile(name.file)
		if err != nil {
			return err
		}
		if name.value != "" && name.value+"\n" != string(is) {
			return spec.Fieldf(name.field, "is not allowed in the host's uts namespace, which linux.namespaces names by a path")
		}
	}
	return nil
}
